// What scripts in C share: ids of definitions, dice from a view's seed, a log, and failures that say
// where. The types of each kind of script are in `lore.h`, generated from wit/.
#ifndef LORE_SDK_H
#define LORE_SDK_H

#include "lore.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

// The id of a definition: FNV-1a, 32 bit, of its kind and name, such as "npc/wolf". Folded at compile
// time where the name is a literal.
static inline uint32_t lore_def_id(const char *name) {
  uint32_t hash = 0x811c9dc5u;
  for (; *name; name++) hash = (hash ^ (uint8_t)*name) * 0x01000193u;
  return hash;
}

// Ticks that `ms` milliseconds take, rounded up; `tick_ms` is the context's.
static inline uint32_t lore_ticks(uint32_t ms, uint32_t tick_ms) {
  uint64_t tick = tick_ms ? tick_ms : 1;
  return (uint32_t)((ms + tick - 1) / tick);
}

// `value`, but at least `least` and at most `most`.
static inline int64_t lore_clamp(int64_t value, int64_t least, int64_t most) {
  return value < least ? least : value > most ? most : value;
}

// `amount` times `permille` / 1000, towards zero.
static inline int64_t lore_share(int64_t amount, int64_t permille) { return amount * permille / 1000; }

// Dice: splitmix64, the same numbers as in every other language. Make them per view, from its seed.
typedef struct { uint64_t state; } lore_rng_t;

static inline lore_rng_t lore_rng(uint64_t seed) { return (lore_rng_t){seed}; }

static inline uint64_t lore_next(lore_rng_t *rng) {
  uint64_t z = rng->state += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

// 0..n, all equally likely; 0 for n = 0.
static inline uint32_t lore_below(lore_rng_t *rng, uint32_t n) {
  return (uint32_t)(((lore_next(rng) >> 32) * n) >> 32);
}

// 1..=100.
static inline uint32_t lore_d100(lore_rng_t *rng) { return 1 + lore_below(rng, 100); }

// low..=high; low when they are the wrong way round.
static inline int32_t lore_between(lore_rng_t *rng, int32_t low, int32_t high) {
  if (high <= low) return low;
  return (int32_t)(low + (int64_t)lore_below(rng, (uint32_t)((int64_t)high - low + 1)));
}

// True `permille` times in a thousand.
static inline bool lore_permille(lore_rng_t *rng, uint32_t permille) { return lore_below(rng, 1000) < permille; }

// A line for the server's log: at most 64 a call, 1,024 bytes each. `level` is LORE_DEBUG to LORE_ERROR.
enum { LORE_DEBUG, LORE_INFO, LORE_WARN, LORE_ERROR };

static inline void lore_log(int level, const char *text) {
  lore_string_t line = {(uint8_t *)text, strlen(text)};
  lore_log_write((lore_log_level_t)level, &line);
}

#define LORE_TEXT_(x) #x
#define LORE_TEXT(x) LORE_TEXT_(x)
// Ends the call with a message and this line; the view gets its fallback, the others of the batch do not
// notice.
#define LORE_FAIL(message) (lore_log(LORE_ERROR, __FILE_NAME__ ":" LORE_TEXT(__LINE__) ": " message), __builtin_trap())
// The same unless `condition` holds.
#define LORE_CHECK(condition, message) ((condition) ? (void)0 : LORE_FAIL(message))

// Room for `count` answers, zeroed. The host frees it.
static inline void *lore_answers(size_t count, size_t bytes) {
  void *answers = calloc(count ? count : 1, bytes);
  if (!answers) LORE_FAIL("no memory for the answers");
  return answers;
}

// The body of every batched export: answers every view of `VIEWS`, in order, with `ANSWER(&view)`.
#define LORE_EACH(VIEWS, RET, ANSWER)                                        \
  do {                                                                       \
    (RET)->len = (VIEWS)->len;                                               \
    (RET)->ptr = lore_answers((VIEWS)->len, sizeof *(RET)->ptr);             \
    for (size_t i_ = 0; i_ < (VIEWS)->len; i_++) (RET)->ptr[i_] = ANSWER(&(VIEWS)->ptr[i_]); \
  } while (0)

#endif
