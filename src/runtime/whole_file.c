/* SPDX-License-Identifier: BSD-3-Clause */
#include "runtime/whole_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/sha256.h"

enum { BUFFER_BYTES = 1 << 16 };

typedef struct file_header {
    char magic[16];
    uint32_t version, zero;
    uint64_t n_bytes;
    uint8_t sha256[SHA256_BYTES];
} file_header;

_Static_assert(sizeof(file_header) == 64, "the header has a fixed layout");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "files are little-endian");

struct whole_file {
    char *path, *partial;
    whole_kind kind;
    int file; // -1: closed
    bool is_there;
    uint64_t n_bytes;
    sha256 digest;
    size_t n_buffered;
    unsigned char buffer[BUFFER_BYTES];
};

/** A failed call of the system as a status; errno says why. */
static chroma2_status
system_failed(const char *what, const char *path)
{
    const int reason = errno;
    char buffer[128];
    const char *const text = strerror_r(reason, buffer, sizeof buffer);
    const bool is_full = reason == ENOSPC || reason == EDQUOT || reason == EFBIG;
    return error_set(is_full ? CHROMA2_DISK_FULL : CHROMA2_FILE_FAILED, "%s cannot be %s (%s)",
        path, what, text);
}

static chroma2_status
write_all(whole_file *self, const void *bytes, size_t n_bytes)
{
    const unsigned char *at = bytes;
    while (n_bytes > 0) {
        const ssize_t n = write(self->file, at, n_bytes);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            errno = n == 0 ? ENOSPC : errno;
            return system_failed("written", self->partial);
        }
        at += n;
        n_bytes -= (size_t)n;
    }
    return CHROMA2_OK;
}

static chroma2_status
buffer_flush(whole_file *self)
{
    const size_t n = self->n_buffered;
    self->n_buffered = 0;
    return write_all(self, self->buffer, n);
}

/** The digest covers all of the header that is not the digest. */
static void
digest_finish(sha256 *body, const file_header *header, uint8_t out[SHA256_BYTES])
{
    sha256_update(body, header->magic, sizeof header->magic);
    sha256_update_u32(body, header->version);
    sha256_update(body, &header->n_bytes, sizeof header->n_bytes);
    sha256_final(body, out);
}

chroma2_status
whole_file_create(const char *path, const whole_kind *kind, whole_file **out_file)
{
    static const char ending[] = ".partial";
    static const file_header nothing;
    chroma2_status status = CHROMA2_OK;
    const size_t n = strlen(path);
    whole_file *self = calloc(1, sizeof *self);
    REQUIRE(self != NULL, CHROMA2_OUT_OF_MEMORY, "no host memory to write %s", path);
    self->file = -1;
    self->kind = *kind;
    self->path = strdup(path);
    self->partial = malloc(n + sizeof ending);
    REQUIRE(self->path != NULL && self->partial != NULL, CHROMA2_OUT_OF_MEMORY,
        "no host memory to write %s", path);
    memcpy(self->partial, path, n);
    memcpy(self->partial + n, ending, sizeof ending);
    self->file = open(self->partial, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (self->file < 0) {
        TRY(system_failed("created", self->partial));
    }
    self->is_there = true;
    sha256_init(&self->digest);
    TRY(write_all(self, &nothing, sizeof nothing)); // until the body is known
    *out_file = self;
    self = NULL;
out:
    whole_file_destroy(self);
    return status;
}

chroma2_status
whole_file_write(whole_file *self, const void *bytes, size_t n_bytes)
{
    chroma2_status status = CHROMA2_OK;
    sha256_update(&self->digest, bytes, n_bytes);
    self->n_bytes += n_bytes;
    if (self->n_buffered + n_bytes > sizeof self->buffer) {
        TRY(buffer_flush(self));
    }
    if (n_bytes > sizeof self->buffer) {
        TRY(write_all(self, bytes, n_bytes));
    } else if (n_bytes > 0) {
        memcpy(self->buffer + self->n_buffered, bytes, n_bytes);
        self->n_buffered += n_bytes;
    }
out:
    return status;
}

/** Makes the new name of a file last. */
static chroma2_status
folder_sync(const char *path)
{
    chroma2_status status = CHROMA2_OK;
    const char *const slash = strrchr(path, '/');
    char *const folder = slash == NULL   ? strdup(".")
                         : slash == path ? strdup("/")
                                         : strndup(path, (size_t)(slash - path));
    int file = -1;
    REQUIRE(folder != NULL, CHROMA2_OUT_OF_MEMORY, "no host memory to write %s", path);
    file = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (file < 0 || (fsync(file) != 0 && errno != EINVAL)) { // EINVAL: no such thing there
        TRY(system_failed("synced", folder));
    }
out:
    if (file >= 0) {
        close(file);
    }
    free(folder);
    return status;
}

chroma2_status
whole_file_finish(whole_file *self)
{
    chroma2_status status = CHROMA2_OK;
    file_header header = {.version = self->kind.version, .n_bytes = self->n_bytes};
    memcpy(header.magic, self->kind.magic, sizeof header.magic);
    digest_finish(&self->digest, &header, header.sha256);
    TRY(buffer_flush(self));
    if (lseek(self->file, 0, SEEK_SET) != 0) {
        TRY(system_failed("written", self->partial));
    }
    TRY(write_all(self, &header, sizeof header));
    if (fsync(self->file) != 0) {
        TRY(system_failed("synced", self->partial));
    }
    const int file = self->file;
    self->file = -1;
    if (close(file) != 0) {
        TRY(system_failed("closed", self->partial));
    }
    if (rename(self->partial, self->path) != 0) {
        TRY(system_failed("renamed", self->partial));
    }
    self->is_there = false;
    TRY(folder_sync(self->path));
out:
    return status;
}

void
whole_file_destroy(whole_file *self)
{
    if (self == NULL) {
        return;
    }
    if (self->file >= 0) {
        close(self->file);
    }
    if (self->is_there) {
        unlink(self->partial);
    }
    free(self->path);
    free(self->partial);
    free(self);
}

/** Reads until n_bytes are there or the file ends; *out_n of them. */
static chroma2_status
read_all(int file, const char *path, void *to, size_t n_bytes, size_t *out_n)
{
    size_t done = 0;
    while (done < n_bytes) {
        const ssize_t n = read(file, (char *)to + done, n_bytes - done);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return system_failed("read", path);
        }
        if (n == 0) {
            break;
        }
        done += (size_t)n;
    }
    *out_n = done;
    return CHROMA2_OK;
}

static chroma2_status
header_check(const file_header *header, size_t n_read, const char *path, const whole_kind *kind)
{
    chroma2_status status = CHROMA2_OK;
    const bool is_ours =
        n_read >= sizeof kind->magic && memcmp(header->magic, kind->magic, sizeof kind->magic) == 0;
    REQUIRE(is_ours, CHROMA2_FILE_INVALID, "%s is no chroma2 %s (it begins otherwise)", path,
        kind->what);
    REQUIRE(n_read == sizeof *header, CHROMA2_FILE_INVALID,
        "%s is cut short (%zu bytes, and its header alone has %zu)", path, n_read, sizeof *header);
    REQUIRE(header->version == kind->version, CHROMA2_FILE_MISMATCH,
        "%s has format %u (this chroma2 reads format %u)", path, header->version, kind->version);
out:
    return status;
}

static chroma2_status
body_read(int file, const char *path, const file_header *header, uint64_t **out_body)
{
    chroma2_status status = CHROMA2_OK;
    struct stat about;
    uint64_t *body = NULL;
    size_t n_read = 0;
    uint8_t digest[SHA256_BYTES];
    sha256 running;
    if (fstat(file, &about) != 0) {
        TRY(system_failed("read", path));
    }
    const uint64_t n_there = (uint64_t)about.st_size - sizeof *header;
    REQUIRE(n_there >= header->n_bytes, CHROMA2_FILE_INVALID,
        "%s is cut short (%llu of %llu bytes of its body are there)", path,
        (unsigned long long)n_there, (unsigned long long)header->n_bytes);
    REQUIRE(n_there == header->n_bytes && header->zero == 0, CHROMA2_FILE_INVALID,
        "%s is damaged (%llu bytes where %llu belong)", path, (unsigned long long)n_there,
        (unsigned long long)header->n_bytes);
    body = malloc((size_t)header->n_bytes + sizeof *body);
    REQUIRE(body != NULL, CHROMA2_OUT_OF_MEMORY, "no host memory for the %llu bytes of %s",
        (unsigned long long)header->n_bytes, path);
    TRY(read_all(file, path, body, (size_t)header->n_bytes, &n_read));
    sha256_init(&running);
    sha256_update(&running, body, n_read);
    digest_finish(&running, header, digest);
    REQUIRE(n_read == header->n_bytes && memcmp(digest, header->sha256, sizeof digest) == 0,
        CHROMA2_FILE_INVALID, "%s is damaged (its content does not have the digest that it says)",
        path);
    *out_body = body;
    body = NULL;
out:
    free(body);
    return status;
}

chroma2_status
whole_file_read(const char *path, const whole_kind *kind, uint64_t **out_body, size_t *out_n_bytes)
{
    chroma2_status status = CHROMA2_OK;
    file_header header;
    size_t n_read = 0;
    memset(&header, 0, sizeof header);
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        TRY(system_failed("opened", path));
    }
    TRY(read_all(file, path, &header, sizeof header, &n_read));
    TRY(header_check(&header, n_read, path, kind));
    TRY(body_read(file, path, &header, out_body));
    *out_n_bytes = (size_t)header.n_bytes;
out:
    if (file >= 0) {
        close(file);
    }
    return status;
}
