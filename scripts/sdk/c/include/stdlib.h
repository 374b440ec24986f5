// The part of the standard library that needs no system; `memory.c` has it.
#ifndef LORE_STDLIB_H
#define LORE_STDLIB_H

#include <stddef.h>

void *malloc(size_t size);
void *calloc(size_t count, size_t size);
void *realloc(void *old, size_t size);
void free(void *pointer);
_Noreturn void abort(void);

#endif
