/* Kernels on words mod 2^64 for one party's CPU. `native.py` calls them; `reference.py` says what they compute.
 *
 * A kernel is one function on a range of its work. It is compiled three times (plain C, AVX2, AVX-512), and the
 * caller's level chooses; on AArch64 plain C is NEON. OpenMP cuts the range into one piece a thread.
 *
 * Nothing here branches or indexes by a secret: shares, masks and planes only pass through arithmetic. Row
 * numbers and shifts are public; sort keys are words of streams that this party knows as a whole.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#ifdef _OPENMP
#include <omp.h>
#endif

typedef uint64_t word;
enum { WORD_BITS = 64 };

/* What a kernel works on. `rows`: row numbers; `width`: words of a row; `number`: see the kernel. */
typedef struct {
  const word *in[6];
  word *out[2];
  const int64_t *rows[3];
  int64_t count, width, number;
} task;

typedef void kernel(const task *t, int64_t from, int64_t to);

#define BODY static inline __attribute__((always_inline))
#define EXPORT __attribute__((visibility("default")))
#define EACH _Pragma("omp simd")

#if defined(__x86_64__) && defined(__GNUC__)
#define FOR_AVX2 __attribute__((target("avx2")))
#define FOR_AVX512 __attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,prefer-vector-width=512")))
#else
#define FOR_AVX2
#define FOR_AVX512
#endif

enum { PLAIN, AVX2, AVX512, LEVELS };

/* NAME_at[level] for a body NAME_body. */
#define COMPILE(NAME)                                                                                       \
  static void NAME##_plain(const task *t, int64_t from, int64_t to) { NAME##_body(t, from, to, PLAIN); }    \
  FOR_AVX2 static void NAME##_avx2(const task *t, int64_t from, int64_t to) { NAME##_body(t, from, to, AVX2); } \
  FOR_AVX512 static void NAME##_avx512(const task *t, int64_t from, int64_t to) {                           \
    NAME##_body(t, from, to, AVX512);                                                                       \
  }                                                                                                         \
  static kernel *const NAME##_at[LEVELS] = {NAME##_plain, NAME##_avx2, NAME##_avx512};

/* --- products: a party's additive part of a replicated product ------------------------------------------- */

/* out = x0 (y0 + y1) + x1 y0 [+ plus - minus] */
BODY void cross_body(const task *t, int64_t from, int64_t to, int level) {
  const word *x0 = t->in[0], *x1 = t->in[1], *y0 = t->in[2], *y1 = t->in[3], *plus = t->in[4], *minus = t->in[5];
  word *out = t->out[0];
  (void)level;
  if (plus) EACH for (int64_t i = from; i < to; i++) out[i] = x0[i] * (y0[i] + y1[i]) + x1[i] * y0[i] + plus[i] - minus[i];
  else EACH for (int64_t i = from; i < to; i++) out[i] = x0[i] * (y0[i] + y1[i]) + x1[i] * y0[i];
}
COMPILE(cross)

/* out[r] = the sum of the above over row r, `width` words long */
BODY void cross_dot_body(const task *t, int64_t from, int64_t to, int level) {
  (void)level;
  for (int64_t r = from; r < to; r++) {
    const word *x0 = t->in[0] + r * t->width, *x1 = t->in[1] + r * t->width;
    const word *y0 = t->in[2] + r * t->width, *y1 = t->in[3] + r * t->width;
    word total = 0;
#pragma omp simd reduction(+ : total)
    for (int64_t i = 0; i < t->width; i++) total += x0[i] * (y0[i] + y1[i]) + x1[i] * y0[i];
    t->out[0][r] = total;
  }
}
COMPILE(cross_dot)

/* A matrix product with few columns: out[r][c] = row r of x with row c of y, `number` rows of y turned. Work: rows */
BODY void cross_columns_body(const task *t, int64_t from, int64_t to, int level) {
  (void)level;
  for (int64_t r = from; r < to; r++) {
    const word *x0 = t->in[0] + r * t->width, *x1 = t->in[1] + r * t->width;
    for (int64_t c = 0; c < t->number; c++) {
      const word *y0 = t->in[2] + c * t->width, *y1 = t->in[3] + c * t->width;
      word total = 0;
#pragma omp simd reduction(+ : total)
      for (int64_t i = 0; i < t->width; i++) total += x0[i] * (y0[i] + y1[i]) + x1[i] * y0[i];
      t->out[0][r * t->number + c] = total;
    }
  }
}
COMPILE(cross_columns)

/* A matrix product with few rows: `number` rows of x, `count` long, with y of `width` columns. Work: columns */
BODY void cross_rows_body(const task *t, int64_t from, int64_t to, int level) {
  (void)level;
  for (int64_t r = 0; r < t->number; r++) {
    const word *x0 = t->in[0] + r * t->count, *x1 = t->in[1] + r * t->count;
    word *out = t->out[0] + r * t->width;
    memset(out + from, 0, (size_t)(to - from) * sizeof *out);
    for (int64_t k = 0; k < t->count; k++) {
      const word *y0 = t->in[2] + k * t->width, *y1 = t->in[3] + k * t->width, a = x0[k], b = x1[k];
      EACH for (int64_t i = from; i < to; i++) out[i] += a * (y0[i] + y1[i]) + b * y0[i];
    }
  }
}
COMPILE(cross_rows)

/* Planes: out[j] = x[high[j]] and x[low[j]], crossed [^ x0[add[j]] where add[j] >= 0] ^ plus ^ minus. Work: words */
BODY void cross_and_body(const task *t, int64_t from, int64_t to, int level) {
  const word *x0 = t->in[0], *x1 = t->in[1], *y0 = t->in[2], *y1 = t->in[3], *plus = t->in[4], *minus = t->in[5];
  int64_t width = t->width, stop = to;
  (void)level;
  for (int64_t at = from; at < stop;) { /* the range may begin and end inside a row */
    int64_t j = at / width, begin = at - j * width, end = stop - j * width < width ? stop - j * width : width;
    const word *a0 = x0 + t->rows[0][j] * width, *a1 = x1 + t->rows[0][j] * width;
    const word *b0 = y0 + t->rows[1][j] * width, *b1 = y1 + t->rows[1][j] * width;
    const word *p = plus + j * width, *m = minus + j * width;
    word *out = t->out[0] + j * width;
    if (t->rows[2][j] < 0) {
      EACH for (int64_t i = begin; i < end; i++) out[i] = (a0[i] & (b0[i] ^ b1[i])) ^ (a1[i] & b0[i]) ^ p[i] ^ m[i];
    } else {
      const word *add = x0 + t->rows[2][j] * width;
      EACH for (int64_t i = begin; i < end; i++)
        out[i] = (a0[i] & (b0[i] ^ b1[i])) ^ (a1[i] & b0[i]) ^ p[i] ^ m[i] ^ add[i];
    }
    at = j * width + end;
  }
}
COMPILE(cross_and)

/* --- truncation by a dealt pair (`protocols/shifts.py`); `number` is the shift ------------------ */

/* out0 = (in0 mod 2^63) >> m;  out1 = in0_63 << (63 - m) */
BODY void pair_body(const task *t, int64_t from, int64_t to, int level) {
  const word *r = t->in[0];
  word *low = t->out[0], *top = t->out[1];
  const int m = (int)t->number;
  (void)level;
  EACH for (int64_t i = from; i < to; i++) {
    low[i] = (r[i] << 1) >> (m + 1);
    top[i] = (r[i] >> 63) << (63 - m);
  }
}
COMPILE(pair)

/* c = in0;  out = (1 - 2 c_63) top - low - minus; the first also + ((c mod 2^63) >> m) + c_63 2^(63-m) - 2^(62-m) */
BODY void shifted_body(const task *t, int64_t from, int64_t to, int level) {
  const word *opened = t->in[0], *low = t->in[1], *top = t->in[2], *minus = t->in[3];
  word *out = t->out[0];
  const int m = (int)(t->number & 63), first = (int)(t->number >> 6);
  const word unit = (word)1 << (62 - m);
  (void)level;
  if (first) {
    EACH for (int64_t i = from; i < to; i++) {
      const word c = opened[i], wrapped = -(c >> 63);
      out[i] = ((top[i] ^ wrapped) - wrapped) - low[i] - minus[i] + ((c << 1) >> (m + 1)) + (wrapped & (unit << 1)) - unit;
    }
  } else {
    EACH for (int64_t i = from; i < to; i++) {
      const word wrapped = -(opened[i] >> 63);
      out[i] = ((top[i] ^ wrapped) - wrapped) - low[i] - minus[i];
    }
  }
}
COMPILE(shifted)

/* --- separable functions (`protocols/separable.py`) -------------------------------------------------------
 *
 * In doubles, with sums, products and rounding only, in the reference's order: two parties must come to the
 * same words on any machine. The build says -ffp-contract=off, so no product is fused with a sum.
 */
#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#endif

enum { BLOCK = 64, OCTAVES = 16, OCTAVE_SHIFT = 60 };
#define PI 3.141592653589793
#define LOG2 0.6931471805599453

static const double SINE[] = {1.0, -1.0 / 6, 1.0 / 120, -1.0 / 5040, 1.0 / 362880, -1.0 / 39916800, 1.0 / 6227020800.0,
                              -1.0 / 1307674368000.0};
static const double COSINE[] = {1.0, -1.0 / 2, 1.0 / 24, -1.0 / 720, 1.0 / 40320, -1.0 / 3628800, 1.0 / 479001600.0,
                                -1.0 / 87178291200.0, 1.0 / 20922789888000.0};
static const double EXPS[] = {1.0, 1.0, 1.0 / 2, 1.0 / 6, 1.0 / 24, 1.0 / 120, 1.0 / 720, 1.0 / 5040, 1.0 / 40320,
                              1.0 / 362880, 1.0 / 3628800, 1.0 / 39916800, 1.0 / 479001600.0, 1.0 / 6227020800.0};
#define TERMS(TABLE) ((int)(sizeof TABLE / sizeof *TABLE))

BODY double as_double(word x) { double y; memcpy(&y, &x, sizeof y); return y; }
BODY word as_word(double x) { word y; memcpy(&y, &x, sizeof y); return y; }
BODY double power_of_two(int64_t e) { return as_double((word)(e + 1023) << 52); }
/* A number below 2^52, exactly. */
BODY double exact(word x) { return as_double(x | (word)1075 << 52) - 0x1p52; }
/* The nearest whole number, even where two are as near; |x| < 2^51. */
BODY word whole(double x) { return as_word(x + 0x1.8p52) - as_word(0x1.8p52); }

BODY double horner(double x, const double *table, int terms) {
  double total = table[terms - 1];
  for (int k = terms - 2; k >= 0; k--) total = total * x + table[k];
  return total;
}

typedef struct { double cosine[BLOCK], sine[BLOCK], by_cosine[BLOCK], by_sine[BLOCK]; } waves;

/* Cosine and sine of `many` angles, 2^64 a turn, and what turns them on to the next multiple. */
BODY void first_waves(const word *angles, int many, int stride, waves *w) {
  EACH for (int i = 0; i < many; i++) {
    const double turns = exact((angles[i] ^ (word)1 << 63) >> 12) - 0x1p51;
    const double quarter = turns * (PI * 0x1p-53), square = quarter * quarter;
    double c = horner(square, COSINE, TERMS(COSINE)), s = horner(square, SINE, TERMS(SINE)) * quarter;
    for (int k = 0; k < 2; k++) {
      const double twice = s + s, doubled = 1.0 - twice * s;
      s = twice * c, c = doubled;
    }
    const double twice = s + s;
    w->cosine[i] = c, w->sine[i] = s;
    w->by_cosine[i] = stride == 1 ? c : 1.0 - twice * s, w->by_sine[i] = stride == 1 ? s : twice * c;
  }
}

BODY void next_waves(waves *w, int many) {
  EACH for (int i = 0; i < many; i++) {
    const double c = w->cosine[i], s = w->sine[i];
    w->cosine[i] = c * w->by_cosine[i] - s * w->by_sine[i];
    w->sine[i] = s * w->by_cosine[i] + c * w->by_sine[i];
  }
}

BODY int block_of(int64_t at, int64_t to) { return to - at < BLOCK ? (int)(to - at) : BLOCK; }

/* `width` multiples of the angles in0: cosines, then sines, a row of `count` words each; in1 has the unit. */
BODY void wave_words_body(const task *t, int64_t from, int64_t to, int level) {
  const double unit = as_double(t->in[1][0]);
  (void)level;
  for (int64_t at = from; at < to; at += BLOCK) {
    const int many = block_of(at, to);
    waves w;
    first_waves(t->in[0] + at, many, (int)t->number, &w);
    for (int64_t k = 0; k < t->width; k++) {
      word *cosines = t->out[0] + k * t->count + at, *sines = cosines + t->width * t->count;
      if (k) next_waves(&w, many);
      EACH for (int i = 0; i < many; i++) {
        cosines[i] = whole(w.cosine[i] * unit);
        sines[i] = whole(w.sine[i] * unit);
      }
    }
  }
}
COMPILE(wave_words)

/* The sum over `width` multiples of the angles in0: coefficients (in2: of cosines, then sines) times rows of in1. */
BODY void wave_sum_body(const task *t, int64_t from, int64_t to, int level) {
  (void)level;
  for (int64_t at = from; at < to; at += BLOCK) {
    const int many = block_of(at, to);
    word total[BLOCK] = {0};
    waves w;
    first_waves(t->in[0] + at, many, (int)t->number, &w);
    for (int64_t k = 0; k < t->width; k++) {
      const word *cosines = t->in[1] + k * t->count + at, *sines = cosines + t->width * t->count;
      const double a = as_double(t->in[2][k]), b = as_double(t->in[2][t->width + k]);
      if (k) next_waves(&w, many);
      EACH for (int i = 0; i < many; i++)
        total[i] += whole(a * w.cosine[i] + b * w.sine[i]) * cosines[i] + whole(a * w.sine[i] - b * w.cosine[i]) * sines[i];
    }
    memcpy(t->out[0] + at, total, (size_t)many * sizeof(word));
  }
}
COMPILE(wave_sum)

/* 2^(f - 1/2), or its inverse (`by` = -log 2), for what a word holds below its top four bits */
BODY double octave(word x, double by) {
  const double below = exact((x << (WORD_BITS - OCTAVE_SHIFT)) >> 12);
  return horner((below * 0x1p-52 - 0.5) * by, EXPS, TERMS(EXPS));
}

/* 16 rows of `count` words: row k is 2^(d - f) times the unit in1, d = k less in0's top four bits, mod 16 */
BODY void octave_words_body(const task *t, int64_t from, int64_t to, int level) {
  const double unit = as_double(t->in[1][0]);
  const word *r = t->in[0];
  (void)level;
  for (int64_t at = from; at < to; at += BLOCK) {
    const int many = block_of(at, to);
    double base[BLOCK];
    EACH for (int i = 0; i < many; i++) base[i] = octave(r[at + i], -LOG2) * unit;
    for (int k = 0; k < OCTAVES; k++) {
      word *out = t->out[0] + k * t->count + at;
      EACH for (int i = 0; i < many; i++)
        out[i] = whole(base[i] * power_of_two((k - (int64_t)(r[at + i] >> OCTAVE_SHIFT)) & (OCTAVES - 1)));
    }
  }
}
COMPILE(octave_words)

/* 2^(f - 1/2) times the unit in2, times the row of in1 (16 of `count` words) that in0's top four bits name; all are read */
BODY void octave_product_body(const task *t, int64_t from, int64_t to, int level) {
  const double unit = as_double(t->in[2][0]);
  const word *c = t->in[0];
  (void)level;
  for (int64_t at = from; at < to; at += BLOCK) {
    const int many = block_of(at, to);
    word picked[BLOCK] = {0};
    for (int k = 0; k < OCTAVES; k++) {
      const word *row = t->in[1] + k * t->count + at;
      EACH for (int i = 0; i < many; i++) picked[i] += row[i] & -(word)((c[at + i] >> OCTAVE_SHIFT) == (word)k);
    }
    EACH for (int i = 0; i < many; i++) t->out[0][at + i] = whole(octave(c[at + i], LOG2) * unit) * picked[i];
  }
}
COMPILE(octave_product)

/* --- words and planes: 64x64 bit transposition (Hacker's Delight, 7-3), eight blocks side by side -------- */

enum { LANES = 8 };

BODY void transpose(word a[WORD_BITS][LANES]) {
  static const word masks[6] = {0x00000000FFFFFFFF, 0x0000FFFF0000FFFF, 0x00FF00FF00FF00FF,
                                0x0F0F0F0F0F0F0F0F, 0x3333333333333333, 0x5555555555555555};
  for (int step = 0; step < 6; step++) {
    const int j = 32 >> step;
    for (int high = 0; high < WORD_BITS; high += 2 * j)
      for (int k = high; k < high + j; k++)
        EACH for (int c = 0; c < LANES; c++) {
          word swap = ((a[k][c] >> j) ^ a[k + j][c]) & masks[step];
          a[k][c] ^= swap << j;
          a[k + j][c] ^= swap;
        }
  }
}

/* out[k] = bit k of the words in0, `number` planes of `width` words; count: words. Work: plane words */
BODY void to_planes_body(const task *t, int64_t from, int64_t to, int level) {
  (void)level;
  for (int64_t b = from; b < to; b += LANES) {
    const int lanes = to - b < LANES ? (int)(to - b) : LANES;
    word a[WORD_BITS][LANES];
    if (lanes < LANES || (b + LANES) * WORD_BITS > t->count) memset(a, 0, sizeof a);
    for (int c = 0; c < lanes; c++) {
      const int64_t base = (b + c) * WORD_BITS, left = t->count - base;
      const int rows = left < WORD_BITS ? (int)left : WORD_BITS;
      for (int r = 0; r < rows; r++) a[r][c] = t->in[0][base + r];
    }
    transpose(a);
    for (int k = 0; k < t->number; k++) memcpy(t->out[0] + k * t->width + b, a[k], (size_t)lanes * sizeof(word));
  }
}
COMPILE(to_planes)

/* The inverse: in0 holds `number` planes, the rest is taken as 0. */
BODY void from_planes_body(const task *t, int64_t from, int64_t to, int level) {
  (void)level;
  for (int64_t b = from; b < to; b += LANES) {
    const int lanes = to - b < LANES ? (int)(to - b) : LANES;
    word a[WORD_BITS][LANES];
    memset(a, 0, sizeof a);
    for (int k = 0; k < t->number; k++) memcpy(a[k], t->in[0] + k * t->width + b, (size_t)lanes * sizeof(word));
    transpose(a);
    for (int c = 0; c < lanes; c++) {
      const int64_t base = (b + c) * WORD_BITS, left = t->count - base;
      const int rows = left < WORD_BITS ? (int)left : WORD_BITS;
      for (int r = 0; r < rows; r++) t->out[0][base + r] = a[r][c];
    }
  }
}
COMPILE(from_planes)

/* --- single bits as words: `width` words of bits a row, `count` elements a row. Work: words of bits ------- */

BODY void row_of(const task *t, int64_t at, int64_t *base, int *bits) {
  const int64_t row = at / t->width, place = (at - row * t->width) * WORD_BITS, left = t->count - place;
  *base = row * t->count + place;
  *bits = left < WORD_BITS ? (int)left : WORD_BITS;
}

BODY void bits_to_words_body(const task *t, int64_t from, int64_t to, int level) {
  (void)level;
  for (int64_t at = from; at < to; at++) {
    int64_t base;
    int bits;
    row_of(t, at, &base, &bits);
    const word packed = t->in[0][at];
    word *out = t->out[0] + base;
    if (bits == WORD_BITS) EACH for (int i = 0; i < WORD_BITS; i++) out[i] = (packed >> i) & 1;
    else for (int i = 0; i < bits; i++) out[i] = (packed >> i) & 1;
  }
}
COMPILE(bits_to_words)

BODY void words_to_bits_body(const task *t, int64_t from, int64_t to, int level) {
  (void)level;
  for (int64_t at = from; at < to; at++) {
    int64_t base;
    int bits;
    row_of(t, at, &base, &bits);
    const word *x = t->in[0] + base;
    word packed = 0;
    if (bits == WORD_BITS) {
#pragma omp simd reduction(| : packed)
      for (int i = 0; i < WORD_BITS; i++) packed |= (x[i] & 1) << i;
    } else
      for (int i = 0; i < bits; i++) packed |= (x[i] & 1) << i;
    t->out[0][at] = packed;
  }
}
COMPILE(words_to_bits)

/* in1 where the packed public bit of in0 is 0; where it is 1, `number` - in1. Less in2 throughout. */
BODY void flip_body(const task *t, int64_t from, int64_t to, int level) {
  const word first = (word)t->number;
  (void)level;
  for (int64_t at = from; at < to; at++) {
    int64_t base;
    int bits;
    row_of(t, at, &base, &bits);
    const word packed = t->in[0][at];
    const word *x = t->in[1] + base, *minus = t->in[2] + base;
    word *out = t->out[0] + base;
    if (bits == WORD_BITS)
      EACH for (int i = 0; i < WORD_BITS; i++) {
        word one = -((packed >> i) & 1);
        out[i] = ((x[i] ^ one) - one) + (one & first) - minus[i];
      }
    else
      for (int i = 0; i < bits; i++) {
        word one = -((packed >> i) & 1);
        out[i] = ((x[i] ^ one) - one) + (one & first) - minus[i];
      }
  }
}
COMPILE(flip)

/* --- rows ------------------------------------------------------------------------------------------------- */

/* out[i] = row rows0[i] of in0 [+ in1 [+ in2]], `width` words each */
BODY void gather_body(const task *t, int64_t from, int64_t to, int level) {
  const int64_t width = t->width, *rows = t->rows[0];
  const word *x = t->in[0], *y = t->in[1], *z = t->in[2];
  (void)level;
  for (int64_t i = from; i < to; i++) {
    const int64_t source = rows[i] * width, target = i * width;
    for (int64_t j = 0; j < width; j++) {
      word sum = x[source + j];
      if (y) sum += y[source + j];
      if (z) sum += z[source + j];
      t->out[0][target + j] = sum;
    }
  }
}
COMPILE(gather)

/* --- the caller's side ------------------------------------------------------------------------------------ */

enum { CROSS, CROSS_DOT, CROSS_AND, PAIR, SHIFTED, TO_PLANES, FROM_PLANES, BITS_TO_WORDS, WORDS_TO_BITS, FLIP, GATHER,
       WAVE_WORDS, WAVE_SUM, OCTAVE_WORDS, OCTAVE_PRODUCT, CROSS_COLUMNS, CROSS_ROWS, KERNELS };

static kernel *const *const ALL[KERNELS] = {
    cross_at,       cross_dot_at,     cross_and_at,     pair_at, shifted_at, to_planes_at,
    from_planes_at, bits_to_words_at, words_to_bits_at, flip_at, gather_at,
    wave_words_at,  wave_sum_at,      octave_words_at,  octave_product_at, cross_columns_at, cross_rows_at,
};

/* Run a kernel on [0, work), cut into multiples of `grain`, one piece a thread. */
EXPORT void triune_run(int which, int level, int threads, int64_t work, int64_t grain, const task *t) {
  kernel *run = ALL[which][level];
#ifdef _OPENMP
  if (threads > 1 && work > grain) {
    const int64_t pieces = (work + grain - 1) / grain;
#pragma omp parallel num_threads(threads)
    {
      const int64_t me = omp_get_thread_num(), all = omp_get_num_threads();
      int64_t from = pieces * me / all * grain, to = pieces * (me + 1) / all * grain;
      if (to > work) to = work;
      if (from < to) run(t, from, to);
    }
    return;
  }
#endif
  (void)threads, (void)grain;
  if (work > 0) run(t, 0, work);
}

/* The best level of this machine. */
EXPORT int triune_level(void) {
#if defined(__x86_64__) && defined(__GNUC__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw"))
    return AVX512;
  if (__builtin_cpu_supports("avx2")) return AVX2;
#endif
  return PLAIN;
}

EXPORT int triune_has_openmp(void) {
#ifdef _OPENMP
  return 1;
#else
  return 0;
#endif
}

/* --- stable order of int64 keys: least significant digit first, digits of 11 bits ------------------------- */

enum { DIGIT_BITS = 11, DIGITS = 1 << DIGIT_BITS };

/* order[i] = the row of the i-th smallest key. Returns 0 if there is no memory. */
EXPORT int triune_argsort(int64_t count, const word *keys, int64_t *order) {
  typedef struct { word key; int64_t row; } item;
  const word sign = (word)1 << 63;
  item *here = malloc((size_t)count * sizeof *here + 1), *there = malloc((size_t)count * sizeof *there + 1);
  int64_t(*starts)[DIGITS] = calloc(6, sizeof *starts);
  if (here && there && starts) {
    for (int64_t i = 0; i < count; i++) {
      word key = keys[i] ^ sign;
      here[i] = (item){key, i};
      for (int pass = 0; pass < 6; pass++) starts[pass][(key >> (pass * DIGIT_BITS)) & (DIGITS - 1)]++;
    }
    for (int pass = 0; pass < 6; pass++) {
      int64_t total = 0;
      for (int d = 0; d < DIGITS; d++) { int64_t n = starts[pass][d]; starts[pass][d] = total; total += n; }
      for (int64_t i = 0; i < count; i++)
        there[starts[pass][(here[i].key >> (pass * DIGIT_BITS)) & (DIGITS - 1)]++] = here[i];
      item *swap = here; here = there; there = swap;
    }
    for (int64_t i = 0; i < count; i++) order[i] = here[i].row;
  }
  const int done = here && there && starts;
  free(here), free(there), free(starts);
  return done;
}

/* --- matrix product mod 2^64 ------------------------------------------------------------------------------ */

/* Panels of A (MC x KC) and B (KC x NC) are packed so that the inner kernel reads both in order; the inner
 * kernel keeps a tile of C in registers (Goto, van de Geijn, ACM TOMS 2008). */
enum { TILE_N = 16, KC = 256, MC = 96, NC = 1024, MOST_TILE_M = 12 };
typedef word two_words __attribute__((vector_size(16)));
typedef word four_words __attribute__((vector_size(32)));
typedef word eight_words __attribute__((vector_size(64)));

typedef void inner(int64_t depth, const word *a, const word *b, word *c);

/* A tile of ROWS x TILE_N words in registers of type VECTOR. */
#define INNER(NAME, ROWS, VECTOR)                                                       \
  static void NAME(int64_t depth, const word *a, const word *b, word *c) {              \
    enum { WIDE = TILE_N * sizeof(word) / sizeof(VECTOR) };                             \
    VECTOR acc[ROWS][WIDE];                                                             \
    memset(acc, 0, sizeof acc);                                                         \
    for (int64_t k = 0; k < depth; k++, a += (ROWS), b += TILE_N) {                     \
      VECTOR row[WIDE];                                                                 \
      _Pragma("GCC unroll 8") for (int j = 0; j < WIDE; j++) row[j] = ((const VECTOR *)b)[j]; \
      _Pragma("GCC unroll 12") for (int i = 0; i < (ROWS); i++) {                       \
        const VECTOR s = (VECTOR){0} + a[i];                                            \
        _Pragma("GCC unroll 8") for (int j = 0; j < WIDE; j++) acc[i][j] += s * row[j]; \
      }                                                                                 \
    }                                                                                   \
    memcpy(c, acc, sizeof acc);                                                         \
  }

FOR_AVX512 INNER(inner_avx512, 12, eight_words)
FOR_AVX2 INNER(inner_avx2, 2, four_words)
INNER(inner_plain, 2, two_words)
static inner *const INNERS[LEVELS] = {inner_plain, inner_avx2, inner_avx512};
static const int TILE_M[LEVELS] = {2, 2, MOST_TILE_M};

typedef struct { int64_t m, n, k; const word *a, *b; word *c; int64_t lda, ldb, ldc; } product;

static void pack_rows(const word *a, int64_t lda, int64_t rows, int64_t depth, int tile, word *out) {
  for (int64_t i = 0; i < rows; i += tile)
    for (int64_t k = 0; k < depth; k++)
      for (int r = 0; r < tile; r++) *out++ = i + r < rows ? a[(i + r) * lda + k] : 0;
}

static void pack_columns(const word *b, int64_t ldb, int64_t depth, int64_t columns, word *out) {
  for (int64_t j = 0; j < columns; j += TILE_N)
    for (int64_t k = 0; k < depth; k++) {
      const int64_t left = columns - j < TILE_N ? columns - j : TILE_N;
      memcpy(out, b + k * ldb + j, (size_t)left * sizeof(word));
      if (left < TILE_N) memset(out + left, 0, (size_t)(TILE_N - left) * sizeof(word));
      out += TILE_N;
    }
}

/* Rows [from, to) of C += A B. Returns 0 if there is no memory. */
static int multiply_rows(const product *p, int level, int64_t from, int64_t to) {
  const int tile = TILE_M[level];
  word *packed_a = aligned_alloc(64, sizeof(word) * KC * MC), *packed_b = aligned_alloc(64, sizeof(word) * KC * NC);
  word c[MOST_TILE_M * TILE_N] __attribute__((aligned(64)));
  const int done = packed_a && packed_b;
  for (int64_t jc = 0; done && jc < p->n; jc += NC) {
    const int64_t columns = p->n - jc < NC ? p->n - jc : NC;
    for (int64_t kc = 0; kc < p->k; kc += KC) {
      const int64_t depth = p->k - kc < KC ? p->k - kc : KC;
      pack_columns(p->b + kc * p->ldb + jc, p->ldb, depth, columns, packed_b);
      for (int64_t ic = from; ic < to; ic += MC) {
        const int64_t rows = to - ic < MC ? to - ic : MC;
        pack_rows(p->a + ic * p->lda + kc, p->lda, rows, depth, tile, packed_a);
        for (int64_t j = 0; j < columns; j += TILE_N)
          for (int64_t i = 0; i < rows; i += tile) {
            INNERS[level](depth, packed_a + i * depth, packed_b + j * depth, c);
            const int64_t tall = rows - i < tile ? rows - i : tile, wide = columns - j < TILE_N ? columns - j : TILE_N;
            for (int64_t r = 0; r < tall; r++) {
              word *row = p->c + (ic + i + r) * p->ldc + jc + j;
              for (int64_t s = 0; s < wide; s++) row[s] += c[r * TILE_N + s];
            }
          }
      }
    }
  }
  free(packed_a), free(packed_b);
  return done;
}

/* C += A B for row-major matrices. Returns 0 if there is no memory. */
EXPORT int triune_matmul(int level, int threads, int64_t m, int64_t n, int64_t k, const word *a, int64_t lda,
                         const word *b, int64_t ldb, word *c, int64_t ldc) {
  const product p = {m, n, k, a, b, c, lda, ldb, ldc};
#ifdef _OPENMP
  if (threads > 1 && m > MC) {
    int done = 1;
    const int64_t pieces = (m + MC - 1) / MC;
#pragma omp parallel num_threads(threads) reduction(& : done)
    {
      const int64_t me = omp_get_thread_num(), all = omp_get_num_threads();
      const int64_t from = pieces * me / all * MC, to = pieces * (me + 1) / all * MC;
      done &= from >= to || multiply_rows(&p, level, from, to < m ? to : m);
    }
    return done;
  }
#endif
  (void)threads;
  return multiply_rows(&p, level, 0, m);
}
