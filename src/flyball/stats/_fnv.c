/* FNV-1a, 32 bits, of some bytes: a loop that Python takes four microseconds for, once for every unit a server has not seen. Nothing else.
 *
 * assignment.py holds the same loop for machines where this was not built; they are tested against each other.
 */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdint.h>

static PyObject *fnv1a32(PyObject *module, PyObject *bytes) {
    char *at;
    Py_ssize_t length;
    uint32_t found = 0x811C9DC5u;
    (void)module;
    if (PyBytes_AsStringAndSize(bytes, &at, &length) < 0) return NULL; /* TypeError for what is no bytes */
    for (Py_ssize_t i = 0; i < length; i++) found = (found ^ (uint8_t)at[i]) * 0x01000193u;
    return PyLong_FromUnsignedLong(found);
}

static PyMethodDef methods[] = {
    {"fnv1a32", fnv1a32, METH_O, "FNV-1a of bytes, 32 bits."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_fnv", "FNV-1a of bytes.", 0, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__fnv(void) { return PyModuleDef_Init(&definition); }
