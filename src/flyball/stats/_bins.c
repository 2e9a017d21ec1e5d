/* Counting: into which cell of its reference each value of a column falls. Monitoring is this and additions, so it is what monitoring costs.
 *
 * Numbers. A `Grid` holds rising edges e_0 < ... < e_K. The cells of a value, in this order: -infinity, below (up to e_0), (e_0, e_1], ...,
 * above e_K, +infinity, NaN. The two infinities need no code of their own: with -infinity and the largest float as further edges a cell is
 * the number of edges below the value. A uniform grid over the edges says how many edges lie below each of its cells; the few edges inside
 * (`rounds`) are compared with the value, all at once. It is exact for every float, because edges and values are given their place by the same
 * monotone arithmetic: an edge in an earlier place than a value is below it. Where the edges are too uneven for a grid, the values at its
 * ends (`trimmed`) or all of them are searched by halving.
 *
 * Texts. `count_texts` asks a dict for the cell of each text and the function it is given for everything that is no plain text.
 *
 * Memory safety: a grid copies its edges and checks that they rise; every number that a loop indexes with comes from it, not from a
 * caller. A value is read once and only ever decides between cells that exist, also while another thread writes into the array.
 *
 * bins.py and cells.py do the same without this file, and are what it is tested against. Only the stable ABI of Python 3.11 is used.
 */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#define MOST_EDGES 60000      /* places in `start` are uint16 */
#define MOST_PLACES 65536
#define MOST_ROUNDS 8
#define TALLIES 4             /* neighbours of the same cell count into different ones, so that none waits for the other */
#define BLOCK 1024            /* values converted at a time: they stay in the first cache */
#define STRETCH (1 << 30)     /* values after which the 32-bit tallies are added up */
#define QUICK 20000           /* fewer values are not worth letting another thread run */

typedef struct {
    PyObject_HEAD
    Py_ssize_t edges;  /* with one more at each end */
    Py_ssize_t places;
    int rounds;        /* edges in a place at most; -1: search every value */
    int trimmed;       /* values in the first and the last place are searched */
    double low, inverse, last;
    double *edge;      /* followed by MOST_ROUNDS infinities, that nothing is above */
    uint16_t *start;   /* edges before each place */
} Grid;

/* ---- the place of one value ---- */

static inline int32_t place_of(const Grid *g, double x) {
    double place = (x - g->low) * g->inverse;
    place = place > 0.0 ? place : 0.0; /* also NaN, which has no whole number */
    place = place < g->last ? place : g->last;
    return (int32_t)place;
}

/* How many edges lie below x, by halving without a branch to mispredict. 0 for NaN. */
static inline uint32_t search(const Grid *g, double x) {
    const double *base = g->edge;
    Py_ssize_t left = g->edges;
    while (left > 1) {
        Py_ssize_t half = left / 2;
        base += half & -(Py_ssize_t)(x > base[half - 1]);
        left -= half;
    }
    return (uint32_t)(base - g->edge) + (x > *base);
}

static inline uint32_t below(const Grid *g, double x, const int rounds, const int trimmed) {
    if (rounds < 0) return search(g, x);
    int32_t place = place_of(g, x);
    if (trimmed && (place == 0 || place == (int32_t)g->places - 1)) return search(g, x);
    uint32_t start = g->start[place], more = 0;
    const double *edge = g->edge + start;
    for (int r = 0; r < rounds; r++) more += x > edge[r];
    return start + more;
}

/* ---- many values ---- */

static inline void tally(const Grid *g, const double *x, Py_ssize_t n, uint32_t *counts, int64_t *nans, const int rounds, const int trimmed) {
    const Py_ssize_t width = g->edges + 1;
    uint32_t *c0 = counts, *c1 = c0 + width, *c2 = c1 + width, *c3 = c2 + width;
    int64_t missing = 0;
    Py_ssize_t i = 0;
    for (; i + TALLIES <= n; i += TALLIES) {
        double a = x[i], b = x[i + 1], c = x[i + 2], d = x[i + 3];
        missing += (a != a) + (b != b) + (c != c) + (d != d);
        uint32_t p = below(g, a, rounds, trimmed), q = below(g, b, rounds, trimmed);
        uint32_t r = below(g, c, rounds, trimmed), s = below(g, d, rounds, trimmed);
        c0[p]++, c1[q]++, c2[r]++, c3[s]++;
    }
    for (; i < n; i++) {
        double a = x[i];
        missing += a != a;
        c0[below(g, a, rounds, trimmed)]++;
    }
    *nans += missing;
}

static inline void number(const Grid *g, const double *x, Py_ssize_t n, int64_t *cells, const int rounds, const int trimmed) {
    for (Py_ssize_t i = 0; i < n; i++) {
        double a = x[i];
        cells[i] = a == a ? (int64_t)below(g, a, rounds, trimmed) : (int64_t)g->edges + 1;
    }
}

/* Code of its own for each number of rounds. */
#define EACH(f, ...)                                                                                        \
    switch (g->rounds < 0 ? 99 : 2 * g->rounds + g->trimmed) {                                              \
        case 2: f(__VA_ARGS__, 1, 0); break;                                                                \
        case 3: f(__VA_ARGS__, 1, 1); break;                                                                \
        case 4: f(__VA_ARGS__, 2, 0); break;                                                                \
        case 5: f(__VA_ARGS__, 2, 1); break;                                                                \
        case 6: f(__VA_ARGS__, 3, 0); break;                                                                \
        case 7: f(__VA_ARGS__, 3, 1); break;                                                                \
        case 8: f(__VA_ARGS__, 4, 0); break;                                                                \
        case 9: f(__VA_ARGS__, 4, 1); break;                                                                \
        case 99: f(__VA_ARGS__, -1, 0); break;                                                              \
        default: f(__VA_ARGS__, g->rounds, g->trimmed);                                                     \
    }

static void tally_all(const Grid *g, const double *x, Py_ssize_t n, uint32_t *counts, int64_t *nans) { EACH(tally, g, x, n, counts, nans) }
static void number_all(const Grid *g, const double *x, Py_ssize_t n, int64_t *cells) { EACH(number, g, x, n, cells) }

/* ---- values of any type and stride ---- */

#define READ(type)                                                                                          \
    for (Py_ssize_t i = 0; i < n; i++, at += stride) {                                                      \
        type value;                                                                                         \
        memcpy(&value, at, sizeof value);                                                                   \
        into[i] = (double)value;                                                                            \
    }                                                                                                       \
    return

static void convert(char format, const char *at, Py_ssize_t stride, Py_ssize_t n, double *into) {
    switch (format) {
        case 'd': READ(double);
        case 'f': READ(float);
        case 'b': READ(signed char);
        case 'B': READ(unsigned char);
        case 'h': READ(short);
        case 'H': READ(unsigned short);
        case 'i': READ(int);
        case 'I': READ(unsigned int);
        case 'l': READ(long);
        case 'L': READ(unsigned long);
        case 'q': READ(long long);
        case 'Q': READ(unsigned long long);
        default: /* '?' */
            for (Py_ssize_t i = 0; i < n; i++, at += stride) into[i] = *at != 0;
    }
}

static Py_ssize_t size_of(char format) {
    switch (format) {
        case 'd': return sizeof(double);
        case 'f': return sizeof(float);
        case 'b': case 'B': case '?': return 1;
        case 'h': case 'H': return sizeof(short);
        case 'i': case 'I': return sizeof(int);
        case 'l': case 'L': return sizeof(long);
        case 'q': case 'Q': return sizeof(long long);
        default: return 0;
    }
}

/* One dimension of native numbers; 0 with an exception for anything else. */
static int open_values(PyObject *values, Py_buffer *view) {
    if (PyObject_GetBuffer(values, view, PyBUF_STRIDES | PyBUF_FORMAT) < 0) return 0;
    char format = view->format && view->format[0] && !view->format[1] ? view->format[0] : 0;
    if (view->ndim == 1 && format && size_of(format) == view->itemsize) return 1;
    PyErr_Format(PyExc_TypeError, "values must be one dimension of native numbers, not %d of '%s'", view->ndim, view->format ? view->format : "B");
    PyBuffer_Release(view);
    return 0;
}

static int is_int64(const Py_buffer *view) {
    char format = view->format && view->format[0] && !view->format[1] ? view->format[0] : 0;
    return (format == 'l' || format == 'q') && view->itemsize == 8 && (uintptr_t)view->buf % 8 == 0;
}

/* `n` int64 to write to. */
static int open_cells(PyObject *cells, Py_buffer *view, Py_ssize_t n) {
    if (PyObject_GetBuffer(cells, view, PyBUF_WRITABLE | PyBUF_C_CONTIGUOUS | PyBUF_FORMAT) < 0) return 0;
    if (is_int64(view) && view->len == n * 8) return 1;
    PyErr_Format(PyExc_ValueError, "cells must be %zd int64 to write to", n);
    PyBuffer_Release(view);
    return 0;
}

/* Hand the values over in contiguous stretches of float64: as they lie, where they lie so. */
typedef struct {
    const char *at;
    Py_ssize_t stride, left;
    char format;
    double room[BLOCK];
} Reader;

static Reader reader_of(const Py_buffer *view) {
    Reader r;
    r.at = view->buf, r.stride = view->strides[0], r.left = view->shape[0], r.format = view->format[0];
    return r;
}

static Py_ssize_t next(Reader *r, const double **values) {
    int plain = r->format == 'd' && r->stride == (Py_ssize_t)sizeof(double) && (uintptr_t)r->at % sizeof(double) == 0;
    Py_ssize_t most = plain ? STRETCH : BLOCK, n = r->left < most ? r->left : most;
    if (plain) {
        *values = (const double *)r->at;
    } else if (n) {
        convert(r->format, r->at, r->stride, n, r->room);
        *values = r->room;
    }
    r->at += n * r->stride;
    r->left -= n;
    return n;
}

static void fold(const Grid *g, uint32_t *counts, int64_t *cells) {
    Py_ssize_t width = g->edges + 1;
    for (Py_ssize_t i = 0; i < width; i++) {
        for (int t = 0; t < TALLIES; t++) cells[i] += counts[t * width + i];
    }
    memset(counts, 0, sizeof(uint32_t) * TALLIES * (size_t)width);
}

static PyObject *grid_count(Grid *g, PyObject *args) {
    PyObject *values, *cells, *answer = NULL;
    Py_buffer from, to;
    if (!PyArg_ParseTuple(args, "OO", &values, &cells) || !open_values(values, &from)) return NULL;
    if (!open_cells(cells, &to, g->edges + 2)) {
        PyBuffer_Release(&from);
        return NULL;
    }
    uint32_t *counts = PyMem_Calloc((size_t)(TALLIES * (g->edges + 1)), sizeof *counts);
    if (counts) {
        Py_ssize_t n, since = 0;
        int64_t *total = to.buf, nans = 0;
        const double *block = NULL;
        Reader reader = reader_of(&from);
        PyThreadState *state = reader.left > QUICK ? PyEval_SaveThread() : NULL;
        memset(total, 0, sizeof *total * (size_t)(g->edges + 2));
        while ((n = next(&reader, &block)) > 0) {
            tally_all(g, block, n, counts, &nans);
            since += n;
            if (since >= STRETCH) fold(g, counts, total), since = 0;
        }
        fold(g, counts, total);
        total[0] -= nans; /* NaN is above no edge, as -infinity is */
        total[g->edges + 1] = nans;
        if (state) PyEval_RestoreThread(state);
        PyMem_Free(counts);
        answer = Py_NewRef(Py_None);
    } else {
        PyErr_NoMemory();
    }
    PyBuffer_Release(&to);
    PyBuffer_Release(&from);
    return answer;
}

static PyObject *grid_find(Grid *g, PyObject *args) {
    PyObject *values, *cells;
    Py_buffer from, to;
    if (!PyArg_ParseTuple(args, "OO", &values, &cells) || !open_values(values, &from)) return NULL;
    if (!open_cells(cells, &to, from.shape[0])) {
        PyBuffer_Release(&from);
        return NULL;
    }
    Py_ssize_t n;
    int64_t *into = to.buf;
    const double *block = NULL;
    Reader reader = reader_of(&from);
    PyThreadState *state = reader.left > QUICK ? PyEval_SaveThread() : NULL;
    while ((n = next(&reader, &block)) > 0) {
        number_all(g, block, n, into);
        into += n;
    }
    if (state) PyEval_RestoreThread(state);
    PyBuffer_Release(&to);
    PyBuffer_Release(&from);
    Py_RETURN_NONE;
}

/* ---- making a grid ---- */

/* Where the edges fall in the grid: 0 if some place holds too many of them. */
static int set_up(Grid *g) {
    int most = 0, held = 0;
    int32_t at = -1;
    Py_ssize_t seen = 0;
    for (int32_t place = 0; place < (int32_t)g->places; place++) {
        g->start[place] = (uint16_t)seen;
        held = 0;
        while (seen < g->edges && (at = place_of(g, g->edge[seen])) <= place) seen++, held++;
        if (g->trimmed && (place == 0 || place == (int32_t)g->places - 1)) continue;
        if (held > most) most = held;
    }
    if (seen != g->edges || most > MOST_ROUNDS) return 0;
    g->rounds = most ? most : 1;
    return 1;
}

static int fill(Grid *g, const Py_buffer *view, double low, double inverse, Py_ssize_t places) {
    Py_ssize_t n = view->len / (Py_ssize_t)sizeof(double);
    g->edges = n + 2;
    g->edge = PyMem_Malloc(sizeof(double) * (size_t)(n + 2 + MOST_ROUNDS));
    if (!g->edge) return PyErr_NoMemory(), 0;
    g->edge[0] = -INFINITY;
    memcpy(g->edge + 1, view->buf, (size_t)view->len);
    g->edge[n + 1] = DBL_MAX;
    for (int i = 0; i < MOST_ROUNDS; i++) g->edge[n + 2 + i] = INFINITY;
    for (Py_ssize_t i = 1; i <= n; i++) {
        /* The last edge may be the largest float itself: then nothing is above it but +infinity. */
        if (!(isfinite(g->edge[i]) && g->edge[i] > g->edge[i - 1])) {
            PyErr_SetString(PyExc_ValueError, "edges must be finite and rise");
            return 0;
        }
    }
    g->rounds = -1;
    if (places < 1) return 1;
    g->places = places;
    g->start = PyMem_Calloc((size_t)places, sizeof *g->start);
    if (!g->start) return PyErr_NoMemory(), 0;
    g->low = low, g->inverse = inverse, g->last = (double)(places - 1);
    if (!set_up(g)) g->rounds = -1;
    return 1;
}

static PyObject *grid_new(PyTypeObject *type, PyObject *args, PyObject *named) {
    PyObject *edges;
    double low, inverse;
    Py_ssize_t places;
    int trimmed;
    Py_buffer view;
    allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    if (named && PyDict_Size(named)) {
        PyErr_SetString(PyExc_TypeError, "Grid takes its arguments in order");
        return NULL;
    }
    if (!PyArg_ParseTuple(args, "Oddnp", &edges, &low, &inverse, &places, &trimmed)) return NULL;
    if (!(isfinite(low) && isfinite(inverse) && inverse >= 0.0 && places <= MOST_PLACES)) {
        PyErr_SetString(PyExc_ValueError, "a grid starts at a finite number, rises, and has 65536 places at most");
        return NULL;
    }
    if (PyObject_GetBuffer(edges, &view, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT) < 0) return NULL;
    Grid *g = NULL;
    if (view.ndim != 1 || !view.format || strcmp(view.format, "d") != 0 || view.len / (Py_ssize_t)sizeof(double) > MOST_EDGES) {
        PyErr_Format(PyExc_ValueError, "edges must be at most %d float64 side by side", MOST_EDGES);
    } else if ((g = (Grid *)allocate(type, 0)) != NULL) {
        g->trimmed = trimmed;
        if (!fill(g, &view, low, inverse, places)) {
            Py_DECREF((PyObject *)g);
            g = NULL;
        }
    }
    PyBuffer_Release(&view);
    return (PyObject *)g;
}

static void grid_dealloc(Grid *g) {
    PyTypeObject *type = Py_TYPE((PyObject *)g);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    PyMem_Free(g->edge);
    PyMem_Free(g->start);
    release(g);
    Py_DECREF((PyObject *)type);
}

/* ---- texts ---- */

/* The cell of one value, or -1 with an exception. */
static Py_ssize_t cell_of(PyObject *value, PyObject *known, Py_ssize_t fresh, PyObject *other, Py_ssize_t cells) {
    PyObject *found = NULL;
    if (PyUnicode_CheckExact(value)) {
        found = Py_XNewRef(PyDict_GetItemWithError(known, value));
        if (!found && PyErr_Occurred()) return -1;
        if (!found && PyUnicode_GetLength(value)) return fresh;
    }
    if (!found) found = PyObject_CallFunctionObjArgs(other, value, NULL);
    if (!found) return -1;
    Py_ssize_t cell = PyLong_AsSsize_t(found);
    Py_DECREF(found);
    if (cell >= 0 && cell < cells) return cell;
    if (!PyErr_Occurred()) PyErr_Format(PyExc_ValueError, "there is no cell %zd", cell);
    return -1;
}

/* Python code runs between one value and the next and may write into the array: each is held while it is looked at. */
static int count_objects(const Py_buffer *from, PyObject *known, Py_ssize_t fresh, PyObject *other, int64_t *total, Py_ssize_t cells) {
    const char *at = from->buf;
    for (Py_ssize_t i = 0; i < from->shape[0]; i++, at += from->strides[0]) {
        PyObject *value;
        memcpy(&value, at, sizeof value);
        if (!value) value = Py_None; /* so numpy says None in memory that nobody has filled */
        Py_INCREF(value);
        Py_ssize_t cell = cell_of(value, known, fresh, other, cells);
        Py_DECREF(value);
        if (cell < 0) return 0;
        total[cell]++;
    }
    return 1;
}

static PyObject *count_texts(PyObject *module, PyObject *args) {
    PyObject *values, *known, *other, *cells;
    Py_ssize_t fresh;
    Py_buffer from, to;
    (void)module;
    if (!PyArg_ParseTuple(args, "OO!nOO", &values, &PyDict_Type, &known, &fresh, &other, &cells)) return NULL;
    if (PyObject_GetBuffer(values, &from, PyBUF_STRIDES | PyBUF_FORMAT) < 0) return NULL;
    int counted = 0;
    if (PyObject_GetBuffer(cells, &to, PyBUF_WRITABLE | PyBUF_C_CONTIGUOUS | PyBUF_FORMAT) == 0) {
        if (from.ndim != 1 || !from.format || strcmp(from.format, "O") != 0) {
            PyErr_SetString(PyExc_TypeError, "values must be one dimension of objects");
        } else if (!is_int64(&to) || fresh < 0 || fresh >= to.len / 8) {
            PyErr_SetString(PyExc_ValueError, "cells must be int64 to write to, one of them for what is new");
        } else {
            memset(to.buf, 0, (size_t)to.len);
            counted = count_objects(&from, known, fresh, other, to.buf, to.len / 8);
        }
        PyBuffer_Release(&to);
    }
    PyBuffer_Release(&from);
    return counted ? Py_NewRef(Py_None) : NULL;
}

/* ---- the module ---- */

static PyMethodDef methods[] = {
    {"count", (PyCFunction)grid_count, METH_VARARGS, "Write how many values fall into each cell into an int64 buffer; lets other threads run."},
    {"find", (PyCFunction)grid_find, METH_VARARGS, "Write the number of each value's cell into an int64 buffer; lets other threads run."},
    {NULL, NULL, 0, NULL},
};

static PyObject *rounds_of(Grid *self, void *unused) {
    (void)unused;
    return PyLong_FromLong(self->rounds);
}

static PyGetSetDef properties[] = {
    {"rounds", (getter)rounds_of, NULL, "Comparisons per value; -1 where every value is searched.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot parts[] = {
    {Py_tp_new, grid_new},
    {Py_tp_dealloc, grid_dealloc},
    {Py_tp_methods, methods},
    {Py_tp_getset, properties},
    {Py_tp_doc, "Grid(edges, low, inverse, places, trimmed): cells between rising edges. ValueError if they do not rise."},
    {0, NULL},
};

static PyType_Spec spec = {"flyball.stats._bins.Grid", sizeof(Grid), 0, Py_TPFLAGS_DEFAULT, parts};

static int execute(PyObject *module) {
    PyObject *type = PyType_FromModuleAndSpec(module, &spec, NULL);
    int failed = !type || PyModule_AddObjectRef(module, "Grid", type);
    Py_XDECREF(type);
    return failed ? -1 : 0;
}

static PyModuleDef_Slot module_slots[] = {{Py_mod_exec, execute}, {0, NULL}};

static PyMethodDef functions[] = {
    {"count_texts", count_texts, METH_VARARGS, "Write how many texts fall into each cell into an int64 buffer."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_bins", "Counts values into cells.", 0, functions, module_slots, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__bins(void) { return PyModuleDef_Init(&module); }
