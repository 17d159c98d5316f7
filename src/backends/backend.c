/* SPDX-License-Identifier: BSD-3-Clause */
#include "backends/backend.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/cpu/cpu_backend.h"

enum { DEVICE_CPU = -1, DEVICE_ANY = -2 };

static const char PLUGIN_NAME[] = "libchroma2_cuda.so";

/** The folder that this library lies in, with a slash; "" if the loader does not tell. */
static void
own_folder(char *out_folder, size_t size_bytes)
{
    Dl_info info;
    snprintf(out_folder, size_bytes, "%s", "");
    if (dladdr((const void *)(uintptr_t)&backend_for_device, &info) != 0 &&
        info.dli_fname != NULL) {
        snprintf(out_folder, size_bytes, "%s", info.dli_fname);
        char *const slash = strrchr(out_folder, '/');
        *(slash != NULL ? slash + 1 : out_folder) = 0;
    }
}

/** Opens the plug-in: where CHROMA2_PLUGIN says, beside this library, or where the loader looks. */
static void *
plugin_open(void)
{
    char path[4096];
    const char *const wish = getenv("CHROMA2_PLUGIN");
    if (wish != NULL) {
        return dlopen(wish, RTLD_NOW | RTLD_LOCAL);
    }
    own_folder(path, sizeof path - sizeof PLUGIN_NAME);
    strcat(path, PLUGIN_NAME);
    void *const handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    return handle != NULL ? handle : dlopen(PLUGIN_NAME, RTLD_NOW | RTLD_LOCAL);
}

/** The GPU backend's table, or NULL. The library stays open: its code may run until the end. */
static const backend_ops *
plugin_ops(void)
{
    const backend_services services = {
        sizeof services, sizeof(backend_ops), sizeof(stage_view), error_detail_set};
    backend_plugin_entry entry = NULL;
    void *const handle = plugin_open();
    if (handle != NULL) {
        void *const symbol = dlsym(handle, BACKEND_PLUGIN_ENTRY);
        memcpy(&entry, &symbol, sizeof entry);
    }
    return entry != NULL ? entry(&services) : NULL;
}

chroma2_status
backend_for_device(int32_t device, const backend_ops **out_ops, int32_t *out_device)
{
    chroma2_status status = CHROMA2_OK;
    const backend_ops *ops = device == DEVICE_CPU ? cpu_backend_ops() : plugin_ops();
    *out_device = device == DEVICE_ANY ? 0 : device;
    if (ops == NULL && device == DEVICE_ANY) {
        ops = cpu_backend_ops();
        *out_device = DEVICE_CPU;
    }
    REQUIRE(ops != NULL, CHROMA2_NO_DEVICE,
        "device %d is not there (no GPU backend could be loaded on this machine). Use the CPU?",
        (int)device);
    *out_ops = ops;
out:
    return status;
}

chroma2_status
backend_choice_check(const char *what, const char *choice, const char *offered)
{
    const size_t length = strlen(choice);
    if (strcmp(choice, "default") == 0) {
        return CHROMA2_OK;
    }
    for (const char *at = offered; at != NULL; at = strchr(at, ',')) {
        at += *at == ',' ? 1 : 0;
        if (strncmp(at, choice, length) == 0 && (at[length] == ',' || at[length] == 0)) {
            return CHROMA2_OK;
        }
    }
    return error_set(CHROMA2_INVALID_ARGUMENT, "session.%s is \"%.40s\" (this device offers %s)",
        what, choice, offered);
}
