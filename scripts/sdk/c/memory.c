// Memory for scripts in C. A call allocates its views, its answers and what the script adds, and frees all of
// it: so this only ever goes up, and starts again at the bottom when nothing is left. Every call finds the
// memory as the first one did, whatever was asked before.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define PAGE 65536u
#define ALIGN 16u

extern unsigned char __heap_base;

// Before every piece, one ALIGN long.
typedef struct { size_t size; } piece_t;

static uintptr_t top;
static size_t pieces;

static uintptr_t bottom(void) { return ((uintptr_t)&__heap_base + ALIGN - 1) & ~(uintptr_t)(ALIGN - 1); }

static piece_t *piece_of(void *pointer) { return (piece_t *)((uintptr_t)pointer - ALIGN); }

// Whether a piece is the last one, which alone can grow and be given back.
static int is_last(const piece_t *piece) { return (uintptr_t)piece + ALIGN + piece->size == top; }

static size_t rounded(size_t size) { return (size + ALIGN - 1) & ~(size_t)(ALIGN - 1); }

// Makes the memory reach `end`; the host may refuse.
static int reach(uintptr_t end) {
  uintptr_t has = __builtin_wasm_memory_size(0) * (uintptr_t)PAGE;
  if (end <= has) return 1;
  return __builtin_wasm_memory_grow(0, (end - has + PAGE - 1) / PAGE) != (size_t)-1;
}

void *malloc(size_t size) {
  if (size > SIZE_MAX / 2) return NULL;
  if (pieces == 0) top = bottom();
  uintptr_t end = top + ALIGN + rounded(size);
  if (end < top || !reach(end)) return NULL;
  piece_t *piece = (piece_t *)top;
  piece->size = rounded(size);
  top = end;
  pieces++;
  return (void *)((uintptr_t)piece + ALIGN);
}

void *calloc(size_t count, size_t size) {
  if (size && count > SIZE_MAX / 2 / size) return NULL;
  void *pointer = malloc(count * size);
  return pointer ? memset(pointer, 0, count * size) : NULL;
}

void *realloc(void *old, size_t size) {
  if (!old) return malloc(size);
  piece_t *piece = piece_of(old);
  if (size <= piece->size) return old;
  if (is_last(piece)) {
    uintptr_t end = (uintptr_t)old + rounded(size);
    if (end < (uintptr_t)old || !reach(end)) return NULL;
    piece->size = rounded(size);
    top = end;
    return old;
  }
  void *pointer = malloc(size);
  if (!pointer) return NULL;
  memcpy(pointer, old, piece->size);
  free(old);
  return pointer;
}

void free(void *pointer) {
  if (!pointer) return;
  piece_t *piece = piece_of(pointer);
  if (is_last(piece)) top = (uintptr_t)piece;
  pieces--;
}

_Noreturn void abort(void) { __builtin_trap(); }

// One instruction each, where the compiler does not put it in place itself.
void *memcpy(void *restrict to, const void *restrict from, size_t size) { return __builtin_memcpy(to, from, size); }
void *memmove(void *to, const void *from, size_t size) { return __builtin_memmove(to, from, size); }
void *memset(void *to, int byte, size_t size) { return __builtin_memset(to, byte, size); }

int memcmp(const void *a, const void *b, size_t size) {
  const unsigned char *left = a, *right = b;
  for (; size; size--, left++, right++) {
    if (*left != *right) return *left < *right ? -1 : 1;
  }
  return 0;
}

size_t strlen(const char *text) {
  const char *end = text;
  while (*end) end++;
  return (size_t)(end - text);
}
