/* SPDX-License-Identifier: BSD-3-Clause */
typedef int chroma2_test_support_is_not_empty;
