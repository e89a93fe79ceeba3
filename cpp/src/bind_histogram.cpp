// Histogram of Python: latencies recorded at the price of a method call, for the loop, the stores and caches.
#include <cmath>
#include <string>

#include "arrays.hpp"
#include "bind.hpp"
#include "fastcore/latency/placed_histogram.hpp"

namespace fastcore::python {
namespace {

constexpr double longest = 9.2e18;  // ns: what 63 bits hold

std::uint64_t to_value(double value) {
  if (!(value >= 0.0 && value <= longest))
    throw InputError("Histogram.record: ns must be 0 to 9.2e18, not " + std::string(py::str(py::float_(value))));
  return static_cast<std::uint64_t>(value);
}

PyObject* record(PyObject* self, PyObject* argument) {
  auto* const histogram = self_of<PlacedHistogram>(self);
  double value = 0.0;
  if (histogram == nullptr || !to_double(argument, value, "Histogram", "record", "ns")) return nullptr;
  if (!(value >= 0.0 && value <= longest)) {
    PyErr_Format(PyExc_ValueError, "Histogram.record: ns must be 0 to 9.2e18, not %R", argument);
    return nullptr;
  }
  histogram->get().record(static_cast<std::uint64_t>(value));
  Py_RETURN_NONE;
}

PyMethodDef record_method = {"record", record, METH_O, "Count one value in ns, whole or not; 0 or more."};

void record_many(PlacedHistogram& histogram, const py::handle& values) {
  const Column column = to_column(values, "Histogram.record_many", "ns");
  const double* const from = column.data();
  for (py::ssize_t i = 0; i < column.size(); ++i) to_value(from[i]);  // all or none
  for (py::ssize_t i = 0; i < column.size(); ++i) histogram.get().record(static_cast<std::uint64_t>(from[i]));
}

std::uint64_t percentile(const PlacedHistogram& histogram, double percent) {
  if (!(percent >= 0.0 && percent <= 100.0))
    throw InputError("Histogram.percentile: percent must be 0 to 100, not " +
                     std::string(py::str(py::float_(percent))));
  return histogram.get().percentile(percent / 100.0);
}

/// How many records are at most each bound. A bucket that a bound cuts counts above it.
py::list at_most(const PlacedHistogram& histogram, const std::vector<std::uint64_t>& bounds) {
  py::list counts;
  for (const std::uint64_t bound : bounds) counts.append(histogram.get().at_most(bound));
  return counts;
}

py::list buckets(const PlacedHistogram& placed) {
  const Histogram& histogram = placed.get();
  py::list filled;
  for (std::size_t i = 0; i < Histogram::bucket_count; ++i) {
    if (histogram.in_bucket(i) > 0) filled.append(py::make_tuple(Histogram::top(i), histogram.in_bucket(i)));
  }
  return filled;
}

/// The room of one histogram in someone's buffer, which stays as long as `keeper` does.
struct Place {
  Histogram* at;
  std::shared_ptr<void> keeper;
};

Place place_in(const py::buffer& buffer, std::size_t offset, bool writable) {
  auto view = std::make_shared<py::buffer_info>(buffer.request(writable));
  const auto bytes = static_cast<std::size_t>(view->size * view->itemsize);
  if (offset % alignof(Histogram) != 0 || offset > bytes || bytes - offset < sizeof(Histogram))
    throw InputError("Histogram: there is no room for one at offset " + std::to_string(offset) + " of " +
                     std::to_string(bytes) + " bytes");
  return {reinterpret_cast<Histogram*>(static_cast<std::byte*>(view->ptr) + offset), view};
}

void move_to(PlacedHistogram& histogram, const py::buffer& buffer, std::size_t offset) {
  const Place place = place_in(buffer, offset, true);
  histogram.move_to(place.at, place.keeper);
}

std::shared_ptr<PlacedHistogram> read_from(const py::buffer& buffer, std::size_t offset) {
  return std::make_shared<PlacedHistogram>(place_in(buffer, offset, false).at->copy());
}

using Number = std::uint64_t (Histogram::*)() const noexcept;

template <Number number>
std::uint64_t number_of(const PlacedHistogram& histogram) {
  return (histogram.get().*number)();
}

}  // namespace

void bind_histogram(py::module_& m) {
  auto type =
      py::class_<PlacedHistogram, std::shared_ptr<PlacedHistogram>>(
          m, "Histogram",
          "Counts of latencies in ns, in buckets no wider than 1/32 of their value.\n\n"
          ">>> from fastcore.perf import Histogram\n"
          ">>> waits = Histogram()\n"
          ">>> waits.record_many([100, 200, 400])\n"
          ">>> waits.count, waits.max, waits.percentile(50)\n"
          "(3, 400, 203)")
          .def(py::init<>())
          .def("record_many", &record_many, "Count an array of values in ns; all, or none with an error.",
               py::arg("ns"))
          .def("percentile", &percentile,
               "The value in ns that `percent` (0 to 100) of the records do not exceed, up to 3 % above it.",
               py::arg("percent"))
          .def("at_most", &at_most, "For each bound in ns, how many records are known not to exceed it.",
               py::arg("bounds"))
          .def("buckets", &buckets, "The filled buckets: (largest value in ns, count), in rising order.")
          .def(
              "merge", [](PlacedHistogram& self, const PlacedHistogram& other) { self.get() += other.get().copy(); },
              "Add another histogram's counts.", py::arg("other"))
          .def(
              "copy", [](const PlacedHistogram& self) { return std::make_shared<PlacedHistogram>(self.get().copy()); },
              "An independent copy.")
          .def(
              "reset", [](PlacedHistogram& self) { self.get() = Histogram(); }, "Forget all records.")
          .def("__repr__",
               [](const PlacedHistogram& self) {
                 const Histogram& now = self.get();
                 return "<Histogram of " + std::to_string(now.count()) + " records, at most " +
                        std::to_string(now.max()) + " ns>";
               })
          .def("_move_to", &move_to, py::arg("buffer"), py::arg("offset"))
          .def_static("_read_from", &read_from, py::arg("buffer"), py::arg("offset"))
          .def_property_readonly("count", &number_of<&Histogram::count>, "How many records there are.")
          .def_property_readonly("sum", &number_of<&Histogram::sum>, "All records added up, in ns.")
          .def_property_readonly("max", &number_of<&Histogram::max>, "The largest record in ns; 0 when empty.")
          .def_property_readonly(
              "mean", [](const PlacedHistogram& self) { return self.get().mean(); }, "The mean in ns; 0 when empty.");
  type.attr("_bytes") = sizeof(Histogram);
  put_method(type, record_method);
}

}  // namespace fastcore::python
