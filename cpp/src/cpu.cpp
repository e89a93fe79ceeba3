// Says for which processor level the core may be chosen, before any of it is loaded.
#include <Python.h>

namespace {

PyObject* level(PyObject*, PyObject*) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0 &&
      __builtin_cpu_supports("bmi2") != 0) {
    return PyUnicode_FromString("x86-64-v3");
  }
#endif
  return PyUnicode_FromString("baseline");
}

PyMethodDef methods[] = {{"level", level, METH_NOARGS,
                          "level()\n--\n\n'x86-64-v3' where the processor has AVX2, FMA and BMI2, else 'baseline'."},
                         {nullptr, nullptr, 0, nullptr}};
PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_cpu", "The processor's level.", 0, methods, nullptr, nullptr, nullptr, nullptr};

}  // namespace

// The first native module that the package loads, so the one to refuse an interpreter within the process, in which
// the others would wait for the main one's lock for ever.
PyMODINIT_FUNC PyInit__cpu() {
  if (PyInterpreterState_Get() != PyInterpreterState_Main()) {
    PyErr_SetString(PyExc_ImportError,
                    "fastcore runs in a process's main interpreter only: it cannot be loaded in a subinterpreter");
    return nullptr;
  }
  return PyModule_Create(&definition);
}
