/* The tree kernel: scores rows with a forest of decision trees held in flat arrays.
 *
 * Why C: a row through 100 trees of depth 10 is a thousand dependent loads. numpy pays a call for each level of each tree, and a
 * general runtime pays more for getting in and out than the walk takes. This file does three things and nothing else: it checks the
 * arrays once, it turns Python values into numbers, and it walks.
 *
 * What a forest is here (flat.py writes it, walk.py does the same in numpy and is what this is tested against):
 *
 * - A row has `columns` values. From them the kernel fills `slots`, the numbers that nodes look at. Slot 0 is always -infinity. Every other
 *   slot belongs to one column. A number column gives each of its slots the value itself, or the slot's `fill` where the value is missing
 *   (NaN) or within `zero` of 0. So "missing goes left" is a slot filled with -infinity, "missing goes right" one that stays NaN (no
 *   comparison with NaN holds), and an imputed median is a fill: none of the three costs anything in the walk. A text column looks its
 *   value up and copies a line of its table (an encoder's output) into its slots; the last line is for every other text.
 * - A node is 16 bytes: go left if row[slot] <= threshold, else right. Comparisons are in float64; whoever made the arrays moved each
 *   threshold so that exactly the rows go left that went left in the trained model (float32 casts, `<`, scalers and all). The right child
 *   stands behind the left one, so the step is `left + !(x <= t)`: no branch to mispredict. A leaf looks at slot 0, which goes left
 *   whatever its threshold is, and is its own left child: a finished lane stands still while others go on. Its threshold is what it adds, or the
 *   number of a line in `leaves` where a leaf gives several numbers.
 * - A node whose slot carries CATEGORICAL reads its threshold's eight bytes as a uint64: the low half is the first word of a set in `bits`, the
 *   high half its number of words. It goes left if the set holds the value, or with INVERTED if it does not. (One number, not two halves in
 *   memory: a file is little-endian, and what swaps the bytes of its numbers on other machines keeps this one.)
 * - `weights`, if there are any, have a number for each output and slot: a linear model is a forest of no trees, with weights.
 *
 * Where every threshold of a forest is one that float32 tells apart as well (so it is for libraries that round values to float32 before they
 * compare), nodes are packed into 8 bytes and rows into float32: the same rows go left, and twice as many nodes stay in the cache. Leaves
 * then hold the number of their value.
 *
 * Memory safety: everything a walk dereferences is checked when the forest is made: children stand behind their parent (so a walk ends)
 * and inside the arrays, slots, sets, leaves and outputs exist. Arrays are copied then, and never change: calls from several threads share
 * nothing that is written. Bytes of a stranger can give wrong scores, never a crash. Nor can they hold a thread for long: a node has one parent
 * or is the root of one tree, and there is a line of leaves for every tree, so a row takes time in proportion to the arrays, and rows
 * walk together only as far as they fit a megabyte. `steps` says how much a row takes.
 *
 * Only the stable ABI of Python 3.11 is used: one build serves every later Python.
 */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <math.h>
#include <stdint.h>
#include <string.h>

#define CATEGORICAL 0x80000000u
#define INVERTED 0x40000000u
#define SLOT_MASK 0x3fffffffu
#define LANES 12       /* walks that go on side by side: enough to hide the latency of a load, few enough for the registers */
#define BLOCK 64       /* rows that pass one tree before the next tree is fetched: both then stay in the first cache */
#define ON_STACK 256   /* slots of one row that need no allocation */
#define QUICK 20000    /* fewer steps are not worth letting another thread run: some tens of microseconds, two hundred with a cold cache */
#define MOST 0x3fffffff
#define SLOT_BITS 10   /* of a packed node's 32: its slot; the others are its left child */
#define PACKED_SLOTS (1u << SLOT_BITS)
#define PACKED_NODES (1u << (32 - SLOT_BITS))

/* Sizes are checked for 64 bits: elsewhere this does not compile, and the walk in numpy answers. Not every compiler knows _Static_assert. */
typedef char sizes_have_64_bits[sizeof(size_t) == 8 ? 1 : -1];

enum { PLAIN, SETS, PACKED }; /* how a forest is walked: always a constant where it is used, so that each way has code of its own */
enum { IDENTITY, SIGMOID, SOFTMAX, EXPONENTIAL, SIGMOIDS };

typedef struct {
    double threshold;
    uint32_t left;
    uint32_t slot;
} Node;

typedef struct {
    float threshold; /* of a leaf: the bits of the number of its value */
    uint32_t link;   /* left << SLOT_BITS | slot */
} Packed;

typedef struct {
    double fill;
    double zero;
} Slot;

typedef struct {
    PyObject *words; /* dict: text -> line of the table; NULL for a number column */
    size_t table;    /* where its table begins in `tables` */
    uint32_t lines;  /* the last one is for every other text */
    uint32_t first;  /* its slots: first .. last - 1 */
    uint32_t last;
} Column;

typedef struct {
    PyObject_HEAD
    Py_ssize_t columns, slots, trees, nodes, words, outputs, leaves;
    Py_ssize_t steps; /* what one row takes at most: loads of nodes, lines, slots and weights */
    Column *column;
    Slot *slot;
    double *tables;
    Node *node;     /* one of these two is there */
    Packed *packed;
    double *value;  /* of the leaves, where they are packed and give one number */
    uint32_t *root, *output, *depth, *bits;
    double *leaf, *base, *weight;
    double divisor, tie_at, tie_to, tie;
    int link, any_set, weighted;
    PyObject *error; /* what is raised for a row that does not fit */
} Forest;

/* ---- the walk ---- */

typedef struct {
    uint32_t first, words;
} Place;

static inline Place set_of(const Node *n) {
    uint64_t both;
    memcpy(&both, &n->threshold, sizeof both);
    return (Place){(uint32_t)both, (uint32_t)(both >> 32)};
}

static inline int in_set(const Forest *f, const Node *n, double x) {
    Place set = set_of(n);
    int held = 0;
    if (set.words && x > -1 && x < 32.0 * set.words) { /* also false for NaN; a code is cut to a whole number, as the libraries do */
        uint32_t code = (uint32_t)x;
        held = (f->bits[set.first + (code >> 5)] >> (code & 31)) & 1;
    }
    return n->slot & INVERTED ? !held : held;
}

static inline uint32_t step(const Forest *f, uint32_t at, const void *row, int mode) {
    if (mode == PACKED) {
        const Packed *n = &f->packed[at];
        const float *x = row;
        return (n->link >> SLOT_BITS) + !(x[n->link & (PACKED_SLOTS - 1)] <= n->threshold);
    }
    const Node *n = &f->node[at];
    const double *x = row;
    if (mode == SETS && n->slot & CATEGORICAL) return n->left + !in_set(f, n, x[n->slot & SLOT_MASK]);
    return n->left + !(x[n->slot & SLOT_MASK] <= n->threshold);
}

/* Bring LANES walks to their leaves. A leaf steps to itself, so it does no harm to step on: look now and then whether all stand. */
static inline void walk(const Forest *f, uint32_t at[LANES], const void *const row[LANES], uint32_t depth, int mode) {
    while (depth >= 4) {
        uint32_t before[LANES], moved = 0;
        for (int s = 0; s < 3; s++) {
            for (int j = 0; j < LANES; j++) at[j] = step(f, at[j], row[j], mode);
        }
        for (int j = 0; j < LANES; j++) {
            before[j] = at[j];
            at[j] = step(f, at[j], row[j], mode);
            moved |= before[j] ^ at[j];
        }
        if (!moved) return;
        depth -= 4;
    }
    for (; depth; depth--) {
        for (int j = 0; j < LANES; j++) at[j] = step(f, at[j], row[j], mode);
    }
}

static inline void gather(const Forest *f, Py_ssize_t tree, uint32_t leaf, double *sums, int mode) {
    size_t number = 0;
    if (mode == PACKED) {
        uint32_t bits;
        memcpy(&bits, &f->packed[leaf].threshold, sizeof bits);
        number = bits;
    } else if (f->leaves) {
        number = (size_t)f->node[leaf].threshold;
    }
    if (!f->leaves) {
        sums[f->output[tree]] += mode == PACKED ? f->value[number] : f->node[leaf].threshold;
        return;
    }
    const double *line = f->leaf + number * (size_t)f->outputs;
    for (Py_ssize_t k = 0; k < f->outputs; k++) sums[k] += line[k];
}

/* One row: LANES trees side by side. */
static inline void one_row(const Forest *f, const void *row, double *sums, int mode) {
    const void *rows[LANES];
    for (int j = 0; j < LANES; j++) rows[j] = row;
    for (Py_ssize_t t = 0; t < f->trees; t += LANES) {
        uint32_t at[LANES], depth = 0;
        int count = f->trees - t < LANES ? (int)(f->trees - t) : LANES;
        for (int j = 0; j < LANES; j++) {
            Py_ssize_t tree = t + (j < count ? j : 0);
            at[j] = f->root[tree];
            if (f->depth[tree] > depth) depth = f->depth[tree];
        }
        walk(f, at, rows, depth, mode);
        for (int j = 0; j < count; j++) gather(f, t + j, at[j], sums, mode);
    }
}

/* Up to BLOCK rows: tree by tree, LANES rows side by side. Sums are added up in the same order as for one row. */
static inline void many_rows(const Forest *f, const void *block, int rows, double *sums, int mode) {
    size_t stride = (size_t)f->slots * (mode == PACKED ? sizeof(float) : sizeof(double));
    for (Py_ssize_t t = 0; t < f->trees; t++) {
        for (int r = 0; r < rows; r += LANES) {
            uint32_t at[LANES];
            const void *lane[LANES];
            int count = rows - r < LANES ? rows - r : LANES;
            for (int j = 0; j < LANES; j++) {
                lane[j] = (const char *)block + (size_t)(r + (j < count ? j : 0)) * stride;
                at[j] = f->root[t];
            }
            walk(f, at, lane, f->depth[t], mode);
            for (int j = 0; j < count; j++) gather(f, t, at[j], sums + (size_t)(r + j) * (size_t)f->outputs, mode);
        }
    }
}

static void narrow(const double *x, size_t count, float *into) {
    for (size_t i = 0; i < count; i++) into[i] = (float)x[i];
}

static void walk_one(const Forest *f, const double *x, float *narrowed, double *sums) {
    if (f->packed) {
        narrow(x, (size_t)f->slots, narrowed);
        one_row(f, narrowed, sums, PACKED);
    } else if (f->any_set) {
        one_row(f, x, sums, SETS);
    } else {
        one_row(f, x, sums, PLAIN);
    }
}

static void walk_many(const Forest *f, const double *x, float *narrowed, int rows, double *sums) {
    if (f->packed) {
        narrow(x, (size_t)f->slots * (size_t)rows, narrowed);
        many_rows(f, narrowed, rows, sums, PACKED);
    } else if (f->any_set) {
        many_rows(f, x, rows, sums, SETS);
    } else {
        many_rows(f, x, rows, sums, PLAIN);
    }
}

/* The linear part. Slot 0 is no value. */
static void add_weighted(const Forest *f, const double *x, double *sums) {
    for (Py_ssize_t k = 0; k < f->outputs; k++) {
        const double *w = f->weight + (size_t)k * (size_t)f->slots;
        double sum = 0;
        for (Py_ssize_t s = 1; s < f->slots; s++) sum += w[s] * x[s];
        sums[k] += sum;
    }
}

static double sigmoid(double x) { return 1.0 / (1.0 + exp(-x)); }

/* From sums over the trees to scores, in place. */
static void finish(const Forest *f, double *s) {
    Py_ssize_t k, n = f->outputs;
    double total = 0, largest = -INFINITY;
    for (k = 0; k < n; k++) s[k] = f->base[k] + s[k] / f->divisor;
    switch (f->link) {
    case SIGMOID:
    case SIGMOIDS:
        for (k = 0; k < n; k++) total += s[k] = sigmoid(s[k]);
        if (f->link == SIGMOIDS) {
            for (k = 0; k < n; k++) s[k] /= total;
        }
        break;
    case SOFTMAX:
        for (k = 0; k < n; k++) {
            if (s[k] > largest) largest = s[k];
        }
        for (k = 0; k < n; k++) total += s[k] = exp(s[k] - largest);
        for (k = 0; k < n; k++) s[k] /= total;
        break;
    case EXPONENTIAL:
        for (k = 0; k < n; k++) s[k] = exp(s[k]);
        break;
    default:
        break;
    }
}

static void score_block(const Forest *f, const double *x, float *narrowed, int rows, double *out) {
    memset(out, 0, sizeof(double) * (size_t)rows * (size_t)f->outputs);
    if (rows < 4) {
        for (int r = 0; r < rows; r++) walk_one(f, x + (size_t)r * (size_t)f->slots, narrowed, out + (size_t)r * (size_t)f->outputs);
    } else {
        walk_many(f, x, narrowed, rows, out);
    }
    for (int r = 0; r < rows; r++) {
        double *sums = out + (size_t)r * (size_t)f->outputs;
        if (f->weighted) add_weighted(f, x + (size_t)r * (size_t)f->slots, sums);
        finish(f, sums);
    }
}

/* ---- values into slots ---- */

static inline void put_number(const Forest *f, const Column *c, double value, double *x) {
    for (uint32_t s = c->first; s < c->last; s++) {
        x[s] = isnan(value) || fabs(value) <= f->slot[s].zero ? f->slot[s].fill : value;
    }
}

static inline void put_line(const Forest *f, const Column *c, uint32_t line, double *x) {
    size_t width = c->last - c->first;
    memcpy(x + c->first, f->tables + c->table + width * line, width * sizeof(double));
}

/* A column of a matrix: a text column holds the number of the line. */
static inline void put_cell(const Forest *f, const Column *c, double value, double *x) {
    if (!c->words) {
        put_number(f, c, value, x);
    } else {
        put_line(f, c, value >= 0 && value < c->lines ? (uint32_t)value : c->lines - 1, x);
    }
}

static int put_text(const Forest *f, const Column *c, PyObject *value, double *x) {
    uint32_t line = c->lines - 1;
    PyObject *known;
    if (!PyUnicode_Check(value)) { /* its type only: a value can be of any size, and its repr is a stranger's code */
        PyObject *kind = PyType_GetName(Py_TYPE(value));
        if (kind) PyErr_Format(PyExc_TypeError, "a text is expected, not a value of type %.80U", kind);
        Py_XDECREF(kind);
        return -1;
    }
    known = PyDict_GetItemWithError(c->words, value);
    if (known) {
        long number = PyLong_AsLong(known);
        if (number == -1 && PyErr_Occurred()) return -1;
        if (number >= 0 && number < (long)line) line = (uint32_t)number;
    } else if (PyErr_Occurred()) {
        return -1;
    }
    put_line(f, c, line, x);
    return 0;
}

/* None is a missing value: NaN, or the empty text. `missing` is that text. */
static inline int put_value(const Forest *f, const Column *c, PyObject *value, PyObject *missing, double *x) {
    if (c->words) return put_text(f, c, value == Py_None ? missing : value, x);
    double number = value == Py_None ? NAN : PyFloat_AsDouble(value);
    if (number == -1.0 && PyErr_Occurred()) return -1;
    put_number(f, c, number, x);
    return 0;
}

static int put_items(const Forest *f, PyObject *row, int listed, PyObject *missing, double *x) {
    for (Py_ssize_t c = 0; c < f->columns; c++) {
        /* Held while it is read: a value of a strange type runs its own code, which may change the list. */
        PyObject *value = listed ? PyList_GetItem(row, c) : PyTuple_GetItem(row, c);
        if (!value) return -1;
        Py_INCREF(value);
        int failed = put_value(f, &f->column[c], value, missing, x);
        Py_DECREF(value);
        if (failed) return -1;
    }
    return 0;
}

/* Raise the caller's error in place of what a value raised; what is no matter of values (memory, an interrupt) stays. */
static void refuse(const Forest *f) {
    PyObject *kind, *value, *trace;
    if (!PyErr_ExceptionMatches(PyExc_TypeError) && !PyErr_ExceptionMatches(PyExc_ValueError) &&
        !PyErr_ExceptionMatches(PyExc_ArithmeticError) && !PyErr_ExceptionMatches(PyExc_IndexError)) {
        return;
    }
    PyErr_Fetch(&kind, &value, &trace);
    PyErr_Format(f->error, "a row does not fit the schema: %.200S", value ? value : kind);
    Py_XDECREF(kind);
    Py_XDECREF(value);
    Py_XDECREF(trace);
}

static int put_row(const Forest *f, PyObject *row, PyObject *missing, double *x) {
    int listed = PyList_Check(row), failed;
    PyObject *own = NULL;
    Py_ssize_t size;
    x[0] = -INFINITY;
    if (!listed && !PyTuple_Check(row)) {
        row = own = PySequence_Tuple(row);
        if (!row) return -1;
    }
    size = listed ? PyList_Size(row) : PyTuple_Size(row);
    if (size != f->columns) {
        PyErr_Format(PyExc_ValueError, "it has %zd values, the model reads %zd", size, f->columns);
        failed = -1;
    } else {
        failed = put_items(f, row, listed, missing, x);
    }
    Py_XDECREF(own);
    return failed;
}

/* ---- methods ---- */

/* Rows that are walked together: fewer where they are wide, so that many rows take no more room than a megabyte or one row. */
static int block(const Forest *f) {
    Py_ssize_t fit = ((Py_ssize_t)1 << 17) / f->slots;
    return fit >= BLOCK ? BLOCK : fit < 1 ? 1 : (int)fit;
}

/* Room for the slots of up to BLOCK rows, in both widths, in one piece. */
static double *room(const Forest *f, Py_ssize_t rows, float **narrowed) {
    size_t count = (size_t)(rows < block(f) ? rows : block(f)) * (size_t)f->slots;
    double *x = PyMem_Malloc((sizeof(double) + sizeof(float)) * count);
    if (x) *narrowed = (float *)(x + count);
    else PyErr_NoMemory();
    return x;
}

static inline void score_alone(const Forest *f, const double *x, float *narrowed, double *sum) {
    walk_one(f, x, narrowed, sum);
    if (f->weighted) add_weighted(f, x, sum);
    finish(f, sum);
}

static PyObject *score_one(Forest *self, PyObject *row) {
    double few[ON_STACK], sum = 0, *x = few;
    float few_narrowed[ON_STACK], *narrowed = few_narrowed;
    PyObject *missing;
    int failed;
    if (self->outputs != 1) {
        PyErr_SetString(self->error, "this model gives several numbers for a row");
        return NULL;
    }
    missing = PyUnicode_FromStringAndSize(NULL, 0);
    if (!missing) return NULL;
    if (self->slots > ON_STACK) {
        x = room(self, 1, &narrowed);
        if (!x) {
            Py_DECREF(missing);
            return NULL;
        }
    }
    failed = put_row(self, row, missing, x);
    Py_DECREF(missing);
    if (failed) {
        refuse(self);
    } else {
        if (self->steps < QUICK) {
            score_alone(self, x, narrowed, &sum);
        } else {
            Py_BEGIN_ALLOW_THREADS
            score_alone(self, x, narrowed, &sum);
            Py_END_ALLOW_THREADS
        }
        if (fabs(sum - self->tie_at) <= self->tie) sum = self->tie_to;
    }
    if (x != few) PyMem_Free(x);
    return failed ? NULL : PyFloat_FromDouble(sum);
}

static int aligned(const Py_buffer *numbers) {
    if ((uintptr_t)numbers->buf % sizeof(double) == 0) return 1;
    PyErr_SetString(PyExc_ValueError, "the numbers do not begin where a float64 may");
    return 0;
}

static int output_fits(const Forest *f, const Py_buffer *out, Py_ssize_t rows) {
    if (!aligned(out)) return 0;
    if (out->len / (Py_ssize_t)sizeof(double) / f->outputs == rows && out->len == rows * f->outputs * (Py_ssize_t)sizeof(double)) return 1;
    PyErr_Format(PyExc_ValueError, "there is no room for exactly %zd rows of scores", rows);
    return 0;
}

static PyObject *score_rows(Forest *self, PyObject *args) {
    PyObject *rows, *missing, *own = NULL;
    Py_buffer out;
    double *x = NULL;
    float *narrowed = NULL;
    Py_ssize_t count, at;
    int most = block(self);
    if (!PyArg_ParseTuple(args, "Ow*:score_rows", &rows, &out)) return NULL;
    missing = PyUnicode_FromStringAndSize(NULL, 0);
    own = PySequence_Tuple(rows);
    if (!missing || !own) goto end;
    count = PyTuple_Size(own);
    if (!output_fits(self, &out, count) || (count && !(x = room(self, count, &narrowed)))) goto end;
    for (at = 0; at < count; at += most) {
        int some = count - at < most ? (int)(count - at) : most;
        double *scores = (double *)out.buf + (size_t)at * (size_t)self->outputs;
        for (int r = 0; r < some; r++) {
            if (put_row(self, PyTuple_GetItem(own, at + r), missing, x + (size_t)r * (size_t)self->slots)) {
                refuse(self);
                goto end;
            }
        }
        if (some * self->steps < QUICK) {
            score_block(self, x, narrowed, some, scores);
        } else {
            Py_BEGIN_ALLOW_THREADS
            score_block(self, x, narrowed, some, scores);
            Py_END_ALLOW_THREADS
        }
    }
end:
    PyMem_Free(x);
    Py_XDECREF(own);
    Py_XDECREF(missing);
    PyBuffer_Release(&out);
    if (PyErr_Occurred()) return NULL;
    Py_RETURN_NONE;
}

static PyObject *score_matrix(Forest *self, PyObject *args) {
    Py_buffer in, out;
    Py_ssize_t rows, width = self->columns * (Py_ssize_t)sizeof(double);
    double *x = NULL;
    float *narrowed = NULL;
    int most = block(self);
    if (!PyArg_ParseTuple(args, "y*w*:score_matrix", &in, &out)) return NULL;
    rows = in.len / width;
    if (in.len % width) {
        PyErr_Format(PyExc_ValueError, "the matrix does not have %zd columns of float64", self->columns);
        goto end;
    }
    if (!aligned(&in) || !output_fits(self, &out, rows) || (rows && !(x = room(self, rows, &narrowed)))) goto end;
    Py_BEGIN_ALLOW_THREADS
    for (Py_ssize_t at = 0; at < rows; at += most) {
        int some = rows - at < most ? (int)(rows - at) : most;
        for (int r = 0; r < some; r++) {
            const double *cell = (const double *)in.buf + (size_t)(at + r) * (size_t)self->columns;
            double *row = x + (size_t)r * (size_t)self->slots;
            row[0] = -INFINITY;
            for (Py_ssize_t c = 0; c < self->columns; c++) put_cell(self, &self->column[c], cell[c], row);
        }
        score_block(self, x, narrowed, some, (double *)out.buf + (size_t)at * (size_t)self->outputs);
    }
    Py_END_ALLOW_THREADS
end:
    PyMem_Free(x);
    PyBuffer_Release(&in);
    PyBuffer_Release(&out);
    if (PyErr_Occurred()) return NULL;
    Py_RETURN_NONE;
}

/* ---- making a forest: copy, then check everything a walk will rely on ---- */

enum { A_SLOT_COLUMN, A_FILL, A_ZERO, A_TABLES, A_ROOT, A_OUTPUT, A_THRESHOLD, A_LEFT, A_SLOT, A_BITS, A_LEAF, A_BASE, A_WEIGHTS, ARRAYS };

static int broken(const char *why) {
    PyErr_SetString(PyExc_ValueError, why);
    return -1;
}

/* A copy of an array; an empty one is a pointer too, so that NULL means what it always means. */
static void *copied(const Py_buffer *array) {
    void *copy = PyMem_Malloc(array->len ? (size_t)array->len : 1);
    if (!copy) return PyErr_NoMemory();
    memcpy(copy, array->buf, (size_t)array->len);
    return copy;
}

static int take_sizes(Forest *f, Py_buffer a[ARRAYS], Py_ssize_t count[ARRAYS]) {
    static const int size[ARRAYS] = {4, 8, 8, 8, 4, 4, 8, 4, 4, 4, 8, 8, 8};
    for (int i = 0; i < ARRAYS; i++) {
        if (a[i].len % size[i] || a[i].len / size[i] > MOST) return broken("an array has a length it cannot have");
        count[i] = a[i].len / size[i];
    }
    f->slots = count[A_FILL];
    f->trees = count[A_ROOT];
    f->nodes = count[A_THRESHOLD];
    f->words = count[A_BITS];
    f->outputs = count[A_BASE];
    if (f->columns < 1 || f->columns > MOST || f->slots < 1 || f->outputs < 1) return broken("there are no columns, slots or outputs");
    if (count[A_SLOT_COLUMN] != f->slots || count[A_ZERO] != f->slots) return broken("the slots' arrays differ in length");
    if (count[A_OUTPUT] != f->trees) return broken("the trees' arrays differ in length");
    if (count[A_LEFT] != f->nodes || count[A_SLOT] != f->nodes) return broken("the nodes' arrays differ in length");
    if (count[A_LEAF] % f->outputs) return broken("the leaves do not have a number for each output");
    f->leaves = count[A_LEAF] / f->outputs;
    f->weighted = count[A_WEIGHTS] != 0;
    if (f->weighted && (count[A_WEIGHTS] % f->outputs || count[A_WEIGHTS] / f->outputs != f->slots)) {
        return broken("there is not one weight for each output and slot");
    }
    return 0;
}

/* Entries of an array that may begin at any byte: in a file they stand one after the other. */
static uint32_t whole_at(const Py_buffer *array, Py_ssize_t at) {
    uint32_t value;
    memcpy(&value, (const char *)array->buf + (size_t)at * sizeof value, sizeof value);
    return value;
}

static double real_at(const Py_buffer *array, Py_ssize_t at) {
    double value;
    memcpy(&value, (const char *)array->buf + (size_t)at * sizeof value, sizeof value);
    return value;
}

static int take_columns(Forest *f, PyObject *texts, const Py_buffer *slot_column, Py_ssize_t cells) {
    size_t table = 0;
    uint32_t slot = 1;
    if (PyTuple_Size(texts) != f->columns) return broken("there must be one dict or None for each column");
    f->column = PyMem_Calloc((size_t)f->columns, sizeof(Column));
    if (!f->column) return PyErr_NoMemory(), -1;
    for (Py_ssize_t i = 0; i < f->columns; i++) {
        Column *c = &f->column[i];
        PyObject *words = PyTuple_GetItem(texts, i);
        c->first = slot;
        while (slot < f->slots && whole_at(slot_column, slot) == (uint32_t)i) slot++;
        c->last = slot;
        if (words == Py_None) continue;
        if (!PyDict_Check(words)) return broken("there must be one dict or None for each column");
        if (!(c->words = PyDict_Copy(words))) return -1;
        if (PyDict_Size(words) >= MOST) return broken("a column knows too many texts");
        c->lines = (uint32_t)PyDict_Size(words) + 1;
        c->table = table;
        table += (size_t)c->lines * (c->last - c->first); /* below 2^60: it cannot wrap before the next line refuses it */
        if (table > (size_t)cells) return broken("a table has too few cells");
    }
    if (slot != f->slots) return broken("slots must stand in the order of their columns");
    if (table != (size_t)cells) return broken("the tables have cells that belong to no column");
    return 0;
}

static int check_node(Forest *f, Py_ssize_t at, uint32_t *height) {
    const Node *n = &f->node[at];
    uint32_t slot = n->slot & SLOT_MASK;
    if (n->slot == 0) { /* a leaf */
        if (n->left != at || isnan(n->threshold)) return broken("a leaf is not its own child or holds no number");
        if (f->leaves && !(n->threshold >= 0 && n->threshold < (double)f->leaves)) return broken("a leaf names a line that is not there");
        height[at] = 0;
        return 0;
    }
    if (slot == 0 || slot >= f->slots) return broken("a node reads a slot that is not there");
    if (n->left <= at || (Py_ssize_t)n->left + 1 >= f->nodes) return broken("a child does not stand behind its parent");
    if (n->slot & CATEGORICAL) {
        Place set = set_of(n);
        if (set.words > MOST / 32 || (uint64_t)set.first + set.words > (uint64_t)f->words) return broken("a node reads a set that is not there");
        f->any_set = 1;
    } else if (n->slot & INVERTED || isnan(n->threshold)) {
        return broken("a node compares with nothing");
    }
    height[at] = 1 + (height[n->left] > height[n->left + 1] ? height[n->left] : height[n->left + 1]);
    return 0;
}

static int owned_once(unsigned char *owned, uint32_t at) { return owned[at]++ == 0; }

/* Every node has one parent, or is one tree's root: the depths then add up to less than there are nodes, and a small file is a short walk. */
static int check_owners(Forest *f) {
    int fine = 1;
    unsigned char *owned = PyMem_Calloc((size_t)f->nodes + 1, 1);
    if (!owned) return PyErr_NoMemory(), -1;
    for (Py_ssize_t at = 0; at < f->nodes && fine; at++) {
        const Node *n = &f->node[at];
        if (n->slot) fine = owned_once(owned, n->left) && owned_once(owned, n->left + 1);
    }
    for (Py_ssize_t t = 0; t < f->trees && fine; t++) fine = owned_once(owned, f->root[t]);
    PyMem_Free(owned);
    if (!fine) return broken("trees share nodes");
    return f->leaves && f->trees > f->leaves ? broken("trees share leaves") : 0;
}

/* What a row takes: trees go side by side, each lane as far as the deepest of them. Sizes were checked: this stays far below 2^63. */
static Py_ssize_t count_steps(const Forest *f) {
    Py_ssize_t steps = f->trees * (f->leaves ? f->outputs : 1) + f->slots * (f->weighted ? 1 + f->outputs : 1) + f->outputs;
    for (Py_ssize_t t = 0; t < f->trees; t += LANES) {
        uint32_t deepest = 0;
        for (Py_ssize_t j = t; j < t + LANES && j < f->trees; j++) {
            if (f->depth[j] > deepest) deepest = f->depth[j];
        }
        steps += LANES * (Py_ssize_t)deepest;
    }
    return steps;
}

static int check_trees(Forest *f) {
    int failed = 0;
    uint32_t *height = PyMem_Calloc((size_t)f->nodes + 1, sizeof(uint32_t));
    if (!height) return PyErr_NoMemory(), -1;
    for (Py_ssize_t at = f->nodes - 1; at >= 0 && !failed; at--) failed = check_node(f, at, height);
    for (Py_ssize_t t = 0; t < f->trees && !failed; t++) {
        if (f->root[t] >= f->nodes) failed = broken("a tree begins at a node that is not there");
        else if (f->output[t] >= f->outputs) failed = broken("a tree adds to an output that is not there");
        else f->depth[t] = height[f->root[t]];
    }
    PyMem_Free(height);
    return failed;
}

/* Whether float32 tells the same values apart: the next float64 after the threshold is another float32. Infinity lets all pass in both. */
static int same_in_float32(double threshold) {
    return threshold == INFINITY || (float)nextafter(threshold, INFINITY) > (float)threshold;
}

/* Pack the nodes, if all of them can be: fewer bytes, the same answers. */
static int pack(Forest *f) {
    uint32_t leaves = 0;
    if (f->any_set || f->weighted || f->slots > PACKED_SLOTS || f->nodes > PACKED_NODES) return 0;
    for (Py_ssize_t n = 0; n < f->nodes; n++) {
        if (f->node[n].slot && !same_in_float32(f->node[n].threshold)) return 0;
    }
    f->packed = PyMem_Calloc((size_t)f->nodes + 1, sizeof(Packed));
    f->value = PyMem_Calloc((size_t)f->nodes + 1, sizeof(double));
    if (!f->packed || !f->value) return PyErr_NoMemory(), -1;
    for (Py_ssize_t n = 0; n < f->nodes; n++) {
        const Node *node = &f->node[n];
        f->packed[n].link = node->left << SLOT_BITS | node->slot;
        if (node->slot) {
            f->packed[n].threshold = (float)node->threshold;
        } else {
            uint32_t number = f->leaves ? (uint32_t)node->threshold : leaves;
            memcpy(&f->packed[n].threshold, &number, sizeof number); /* far below the bits of a NaN: -infinity stays below it */
            if (!f->leaves) f->value[leaves++] = node->threshold;
        }
    }
    PyMem_Free(f->node);
    f->node = NULL;
    return 0;
}

static int fill(Forest *f, PyObject *texts, Py_buffer a[ARRAYS]) {
    Py_ssize_t count[ARRAYS];
    if (take_sizes(f, a, count)) return -1;
    if (take_columns(f, texts, &a[A_SLOT_COLUMN], count[A_TABLES])) return -1;
    if (!(f->tables = copied(&a[A_TABLES])) || !(f->root = copied(&a[A_ROOT])) || !(f->output = copied(&a[A_OUTPUT])) ||
        !(f->bits = copied(&a[A_BITS])) || !(f->leaf = copied(&a[A_LEAF])) || !(f->base = copied(&a[A_BASE])) ||
        !(f->weight = copied(&a[A_WEIGHTS]))) {
        return -1;
    }
    f->slot = PyMem_Calloc((size_t)f->slots, sizeof(Slot));
    f->node = PyMem_Calloc((size_t)f->nodes + 1, sizeof(Node));
    f->depth = PyMem_Calloc((size_t)f->trees + 1, sizeof(uint32_t));
    if (!f->slot || !f->node || !f->depth) return PyErr_NoMemory(), -1;
    for (Py_ssize_t s = 0; s < f->slots; s++) {
        f->slot[s].fill = real_at(&a[A_FILL], s);
        f->slot[s].zero = real_at(&a[A_ZERO], s);
    }
    for (Py_ssize_t n = 0; n < f->nodes; n++) {
        f->node[n].threshold = real_at(&a[A_THRESHOLD], n);
        f->node[n].left = whole_at(&a[A_LEFT], n);
        f->node[n].slot = whole_at(&a[A_SLOT], n);
    }
    if (f->link < IDENTITY || f->link > SIGMOIDS) return broken("the link is not one this kernel knows");
    if (check_trees(f) || check_owners(f)) return -1;
    f->steps = count_steps(f);
    return pack(f);
}

static PyObject *forest_new(PyTypeObject *type, PyObject *args, PyObject *named) {
    static char *names[] = {"columns", "texts", "slot_column", "fill",   "zero",   "tables", "root", "output", "threshold", "left", "slot",
                            "bits",    "leaf",  "base",        "weights", "divisor", "link", "tie_at", "tie_to", "tie",  "error",     NULL};
    Py_buffer a[ARRAYS];
    PyObject *texts, *error;
    double divisor, tie_at, tie_to, tie;
    Py_ssize_t columns, link;
    int failed;
    Forest *f;
    allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    if (!PyArg_ParseTupleAndKeywords(args, named, "nO!y*y*y*y*y*y*y*y*y*y*y*y*y*dndddO:Forest", names, &columns, &PyTuple_Type, &texts, &a[0],
                                     &a[1], &a[2], &a[3], &a[4], &a[5], &a[6], &a[7], &a[8], &a[9], &a[10], &a[11], &a[12], &divisor, &link,
                                     &tie_at, &tie_to, &tie, &error)) {
        return NULL; /* the parser has released what it had taken */
    }
    f = (Forest *)allocate(type, 0); /* all zero: an unfinished forest can be taken apart */
    failed = f == NULL;
    if (!failed) {
        f->columns = columns;
        f->divisor = divisor;
        f->link = link < IDENTITY || link > SIGMOIDS ? -1 : (int)link; /* -1 is refused with the arrays */
        f->tie_at = tie_at;
        f->tie_to = tie_to;
        f->tie = tie;
        Py_INCREF(error);
        f->error = error;
        failed = PyExceptionClass_Check(error) ? fill(f, texts, a) : broken("error must be a class of exceptions");
    }
    for (int i = 0; i < ARRAYS; i++) PyBuffer_Release(&a[i]);
    if (failed) {
        Py_XDECREF((PyObject *)f);
        return NULL;
    }
    return (PyObject *)f;
}

static void forest_dealloc(Forest *f) {
    PyTypeObject *type = Py_TYPE((PyObject *)f);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    if (f->column) {
        for (Py_ssize_t c = 0; c < f->columns; c++) Py_XDECREF(f->column[c].words);
    }
    void *owned[] = {f->column, f->slot, f->tables, f->node, f->packed, f->value, f->root, f->output, f->depth, f->bits, f->leaf, f->base, f->weight};
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) PyMem_Free(owned[i]);
    Py_XDECREF(f->error);
    release(f);
    Py_DECREF((PyObject *)type);
}

static PyMethodDef methods[] = {
    {"score_one", (PyCFunction)score_one, METH_O, "The score of one row (a sequence of values, missing as None), settled."},
    {"score_rows", (PyCFunction)score_rows, METH_VARARGS, "Write the scores of rows of values into a float64 buffer."},
    {"score_matrix", (PyCFunction)score_matrix, METH_VARARGS, "Write the scores of a float64 matrix into a float64 buffer; lets other threads run."},
    {NULL, NULL, 0, NULL},
};

static PyObject *steps_of(Forest *self, void *unused) {
    (void)unused;
    return PyLong_FromSsize_t(self->steps);
}

static PyGetSetDef properties[] = {
    {"steps", (getter)steps_of, NULL, "How many steps a row takes at most; one is a nanosecond or two while the forest is in the cache.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot parts[] = {
    {Py_tp_new, forest_new},
    {Py_tp_dealloc, forest_dealloc},
    {Py_tp_methods, methods},
    {Py_tp_getset, properties},
    {Py_tp_doc, "A forest of decision trees in flat arrays. ValueError if the arrays are not one."},
    {0, NULL},
};

static PyType_Spec spec = {"flyball.adapters.trees._kernel.Forest", sizeof(Forest), 0, Py_TPFLAGS_DEFAULT, parts};

static int execute(PyObject *module) {
    PyObject *type = PyType_FromModuleAndSpec(module, &spec, NULL);
    int failed = !type || PyModule_AddObjectRef(module, "Forest", type);
    Py_XDECREF(type);
    return failed ? -1 : 0;
}

static PyModuleDef_Slot module_slots[] = {{Py_mod_exec, execute}, {0, NULL}};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT, "_kernel", "Walks decision trees held in flat arrays.", 0, NULL, module_slots, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__kernel(void) { return PyModuleDef_Init(&module); }
