/* SPDX-License-Identifier: BSD-3-Clause */
/** What files of the pipeline are made of: 64-bit words, appended to a list or taken from one. A
 *  failure is remembered and asked for at the end. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"

/** A list that grows. Begins as zeros. */
typedef struct word_list {
    uint64_t *words;
    size_t n, capacity;
    bool is_broken; // memory ran out: n means nothing
} word_list;

void words_put(word_list *self, uint64_t word);

/** Appends bytes, the last word filled up with zeros. */
void words_put_bytes(word_list *self, const void *bytes, size_t n_bytes);

/** The length, then the bytes. */
void words_put_text(word_list *self, const void *bytes, size_t n_bytes);

/** Appends what a struct of n <= 64 words differs in from its usual value: a mask, the words. */
void words_put_struct(word_list *self, const void *value, const void *usual, size_t n_words);

void words_reset(word_list *self);

/** Words to take, one after the other. */
typedef struct word_reader {
    const uint64_t *words;
    size_t n, at;
    bool is_broken; // more was asked for than there is, or what there is makes no sense
} word_reader;

/** 0 if there is none. */
uint64_t words_take(word_reader *self);

/** A value that must not exceed `limit`; 0 and broken if it does. */
uint64_t words_take_count(word_reader *self, uint64_t limit);

/** n_bytes in whole words; NULL if there are not so many. */
const void *words_take_bytes(word_reader *self, size_t n_bytes);

/** What words_put_text wrote; NULL and 0 if it is not there. */
const void *words_take_text(word_reader *self, size_t *out_n_bytes);

void words_take_struct(word_reader *self, void *out_value, const void *usual, size_t n_words);
