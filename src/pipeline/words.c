/* SPDX-License-Identifier: BSD-3-Clause */
#include "pipeline/words.h"

#include <stdlib.h>
#include <string.h>

enum { WORD_BYTES = sizeof(uint64_t) };

/** Room for n more words; NULL if there is none. */
static uint64_t *
words_extend(word_list *self, size_t n)
{
    if (self->is_broken) {
        return NULL;
    }
    if (n > self->capacity - self->n) {
        size_t capacity = self->capacity < 32 ? 32 : self->capacity + self->capacity / 2;
        capacity = capacity < self->n + n ? self->n + n : capacity;
        uint64_t *const words = realloc(self->words, capacity * WORD_BYTES);
        if (words == NULL) {
            self->is_broken = true;
            return NULL;
        }
        self->words = words;
        self->capacity = capacity;
    }
    self->n += n;
    return self->words + self->n - n;
}

void
words_put(word_list *self, uint64_t word)
{
    uint64_t *const to = words_extend(self, 1);
    if (to != NULL) {
        *to = word;
    }
}

void
words_put_bytes(word_list *self, const void *bytes, size_t n_bytes)
{
    const size_t n_words = (n_bytes + WORD_BYTES - 1) / WORD_BYTES;
    uint64_t *const to = n_words > 0 ? words_extend(self, n_words) : NULL;
    if (to != NULL) {
        to[n_words - 1] = 0;
        memcpy(to, bytes, n_bytes);
    }
}

void
words_put_text(word_list *self, const void *bytes, size_t n_bytes)
{
    words_put(self, n_bytes);
    words_put_bytes(self, bytes, n_bytes);
}

void
words_put_struct(word_list *self, const void *value, const void *usual, size_t n_words)
{
    uint64_t differing[64];
    uint64_t mask = 0;
    size_t n = 0;
    for (size_t i = 0; i < n_words; ++i) {
        uint64_t word, other;
        memcpy(&word, (const char *)value + WORD_BYTES * i, WORD_BYTES);
        memcpy(&other, (const char *)usual + WORD_BYTES * i, WORD_BYTES);
        if (word != other) {
            mask |= 1ull << i;
            differing[n++] = word;
        }
    }
    words_put(self, mask);
    words_put_bytes(self, differing, n * WORD_BYTES);
}

void
words_reset(word_list *self)
{
    free(self->words);
    memset(self, 0, sizeof *self);
}

uint64_t
words_take(word_reader *self)
{
    if (self->at >= self->n) {
        self->is_broken = true;
        return 0;
    }
    return self->words[self->at++];
}

uint64_t
words_take_count(word_reader *self, uint64_t limit)
{
    const uint64_t value = words_take(self);
    self->is_broken = self->is_broken || value > limit;
    return self->is_broken ? 0 : value;
}

const void *
words_take_bytes(word_reader *self, size_t n_bytes)
{
    const size_t n_words = n_bytes / WORD_BYTES + (n_bytes % WORD_BYTES != 0 ? 1 : 0);
    if (self->is_broken || n_words > self->n - self->at) {
        self->is_broken = true;
        return NULL;
    }
    self->at += n_words;
    return self->words + self->at - n_words;
}

const void *
words_take_text(word_reader *self, size_t *out_n_bytes)
{
    const size_t n_bytes = (size_t)words_take(self);
    const void *const text = words_take_bytes(self, n_bytes);
    *out_n_bytes = text == NULL ? 0 : n_bytes;
    return text;
}

void
words_take_struct(word_reader *self, void *out_value, const void *usual, size_t n_words)
{
    const uint64_t mask = words_take(self);
    memcpy(out_value, usual, n_words * WORD_BYTES);
    self->is_broken = self->is_broken || (n_words < 64 && mask >> n_words != 0);
    for (size_t i = 0; i < n_words && !self->is_broken; ++i) {
        if ((mask >> i & 1u) != 0) {
            const uint64_t word = words_take(self);
            memcpy((char *)out_value + WORD_BYTES * i, &word, WORD_BYTES);
        }
    }
}
