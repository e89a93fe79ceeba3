// Which Python exception each C++ exception becomes. The classes are defined in fastcore/errors.py.
#include "errors.hpp"
#include "fastcore/archive.hpp"
#include "fastcore/check.hpp"
#include "fastcore/engine/engine.hpp"
#include "fastcore/ipc/segment.hpp"
#include "fastcore/journal/format.hpp"

namespace py = pybind11;

namespace fastcore::python {

namespace {
PyObject* errors_module = nullptr;  // kept for as long as the process lives, as the module keeps us
}

PyObject* error_class(const char* name) noexcept {
  PyObject* const found = PyObject_GetAttrString(errors_module, name);
  Py_XDECREF(found);  // the module holds it
  return found;
}

void bind_errors() {
  errors_module = py::module_::import("fastcore.errors").release().ptr();
  py::register_exception_translator([](std::exception_ptr p) {
    try {
      if (p) std::rethrow_exception(p);
    } catch (const ParameterError& e) {
      PyErr_SetString(error_class("ParameterError"), e.what());
    } catch (const PlanError& e) {
      PyErr_SetString(error_class("PlanError"), e.what());
    } catch (const SnapshotError& e) {
      PyErr_SetString(error_class("SnapshotError"), e.what());
    } catch (const JournalError& e) {
      PyErr_SetString(error_class("JournalError"), e.what());
    } catch (const CapacityError& e) {
      PyErr_SetString(error_class("CapacityError"), e.what());
    } catch (const ShmBusyError& e) {
      PyErr_SetString(error_class("ShmBusyError"), e.what());
    } catch (const ShmMissingError& e) {
      PyErr_SetString(error_class("ShmMissingError"), e.what());
    } catch (const ShmError& e) {
      PyErr_SetString(error_class("ShmError"), e.what());
    } catch (const BusyError& e) {
      PyErr_SetString(error_class("BusyError"), e.what());
    } catch (const UnknownName& e) {
      PyErr_SetString(error_class("UnknownNameError"), e.what());
    } catch (const TickError& e) {
      PyErr_SetString(error_class("TickError"), e.what());
    } catch (const InputError& e) {
      PyErr_SetString(error_class("InputError"), e.what());
    } catch (const WrongType& e) {
      PyErr_SetString(PyExc_TypeError, e.what());
    }
  });
}

}  // namespace fastcore::python
