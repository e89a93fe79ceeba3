// The catalogue as plain Python: what tools, docs and the classes of fastcore/indicators.py are made from.
#include "bind.hpp"
#include "fastcore/catalogue.hpp"

namespace py = pybind11;

namespace fastcore::python {

namespace {

py::object number(double value, bool whole) {
  if (whole) return py::int_(static_cast<long long>(value));
  return py::float_(value);
}

py::dict describe(const CatalogueEntry& entry) {
  const Kernel& k = *entry.kernel;
  py::list params;
  for (std::size_t i = 0; i < k.param_count; ++i) {
    const ParamInfo& p = k.params[i];
    py::dict row;
    row["name"] = p.name;
    row["type"] = p.whole ? "int" : "float";
    row["default"] = number(p.initial, p.whole);
    row["min"] = number(p.least, p.whole);
    row["max"] = number(p.most, p.whole);
    row["doc"] = p.doc;
    if (p.choices != nullptr) {
      py::list names;
      for (int kind = 0; kind <= static_cast<int>(p.most); ++kind) names.append(p.choices[kind]);
      row["choices"] = names;
    }
    if (p.convention) row["convention"] = true;
    params.append(row);
  }
  py::list inputs;
  for (std::size_t i = 0; i < k.input_count; ++i) inputs.append(k.inputs[i]);
  py::list outputs;
  for (std::size_t i = 0; i < k.output_count; ++i) {
    py::dict row;
    row["name"] = k.outputs[i].name;
    row["role"] = role_name(k.outputs[i].role);
    outputs.append(row);
  }
  py::dict all;
  all["name"] = k.name;
  all["family"] = entry.family;
  all["doc"] = k.doc;
  all["formula"] = k.formula;
  all["source"] = k.source;
  all["params"] = params;
  all["inputs"] = inputs;
  all["outputs"] = outputs;
  return all;
}

}  // namespace

void bind_catalogue(py::module_& m) {
  m.def(
      "catalogue",
      [] {
        py::list all;
        for (const CatalogueEntry& entry : catalogue()) all.append(describe(entry));
        return all;
      },
      "Every indicator as a dict: name, family, doc, formula, source, params, inputs, outputs.");
}

}  // namespace fastcore::python
