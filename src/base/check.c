/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Thread_local char detail[512];

chroma2_status
error_set(chroma2_status status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(detail, sizeof detail, format, arguments);
    va_end(arguments);
    return status;
}

void
error_detail_set(const char *text)
{
    snprintf(detail, sizeof detail, "%s", text);
}

void
error_detail_copy(char *buffer, size_t size_bytes)
{
    snprintf(buffer, size_bytes, "%s", detail);
}

void
check_failed(const char *file, int line, const char *condition)
{
    fprintf(stderr, "chroma2: %s:%d: broken invariant: %s\n", file, line, condition);
#if defined(CHROMA2_DEBUG)
    abort();
#endif
}

const char *
chroma2_error_detail(void)
{
    return detail;
}

const char *
chroma2_status_sentence(chroma2_status status)
{
    switch (status) {
#define X(name, code, sentence)                                                                    \
    case CHROMA2_##name:                                                                           \
        return sentence;
        CHROMA2_STATUS_LIST(X)
#undef X
    }
    return "unknown status";
}

const char *
chroma2_status_name(chroma2_status status)
{
    switch (status) {
#define X(name, code, sentence)                                                                    \
    case CHROMA2_##name:                                                                           \
        return #name;
        CHROMA2_STATUS_LIST(X)
#undef X
    }
    return "UNKNOWN";
}

const char *
chroma2_version(void)
{
    return CHROMA2_VERSION;
}
