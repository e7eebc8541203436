// A plugin for QEMU's user emulation: how many arm64 instructions of which class a program executes.
// Declared here is the little that it calls, in version 1 of QEMU's plugin interface, so that it needs no
// headers: Debian ships none.

#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef void on_block(uint64_t plugin, struct qemu_plugin_tb *block);
typedef void on_run(unsigned int cpu, void *data);
typedef void on_exit_(uint64_t plugin, void *data);
void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t plugin, on_block *call);
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *block, on_run *call, int flags, void *data);
void qemu_plugin_register_atexit_cb(uint64_t plugin, on_exit_ *call, void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *block);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *block, size_t at);
void *qemu_plugin_insn_haddr(const struct qemu_plugin_insn *instruction);

int qemu_plugin_version = 1;

enum { PRODUCT, VECTOR, VECTOR_LOAD, VECTOR_STORE, MEMORY, INTEGER, BRANCH, N_CLASSES };
static const char *const NAMES[N_CLASSES] = {"product",      "vector", "vector-load", "vector-store",
                                             "other-memory", "integer", "branch"};

struct block {
  uint64_t n_runs;
  uint64_t counts[N_CLASSES];
  struct block *next;
};

static struct block *blocks;

static bool is(uint32_t word, uint32_t mask, uint32_t bits) { return (word & mask) == bits; }

// Vector multiplications that add up: fmla, sdot, smull, smlal; by vector and by element.
static bool is_product(uint32_t word) {
  return is(word, 0xbfa0fc00, 0x0e20cc00) || is(word, 0xbf80f400, 0x0f801000) ||
         is(word, 0xbfe0fc00, 0x0e809400) || is(word, 0xbfc0f400, 0x0f80e000) ||
         is(word, 0xbf20fc00, 0x0e20c000) || is(word, 0xbf00f400, 0x0f00a000) ||
         is(word, 0xbf20fc00, 0x0e208000) || is(word, 0xbf00f400, 0x0f002000);
}

// By the top level of the encoding: bits 28 to 25; bit 22 tells vector loads from stores.
static int class_of(uint32_t word) {
  uint32_t group = word >> 25 & 15;
  if ((group & 7) == 7) return is_product(word) ? PRODUCT : VECTOR;
  if ((group & 5) == 4) return !(group & 2) ? MEMORY : word >> 22 & 1 ? VECTOR_LOAD : VECTOR_STORE;
  return (group & 14) == 10 ? BRANCH : INTEGER;
}

static void ran(unsigned int cpu, void *data) {
  (void)cpu;
  __atomic_fetch_add(&((struct block *)data)->n_runs, 1, __ATOMIC_RELAXED);
}

// QEMU translates under a lock of its own, so the list needs none.
static void translated(uint64_t plugin, struct qemu_plugin_tb *from) {
  (void)plugin;
  struct block *block = calloc(1, sizeof *block);
  if (!block) abort();
  for (size_t at = 0; at < qemu_plugin_tb_n_insns(from); at++) {
    const uint32_t *word = qemu_plugin_insn_haddr(qemu_plugin_tb_get_insn(from, at));
    if (!word) abort();
    block->counts[class_of(*word)]++;
  }
  block->next = blocks;
  blocks = block;
  qemu_plugin_register_vcpu_tb_exec_cb(from, ran, 0, block);
}

static void ended(uint64_t plugin, void *data) {
  (void)plugin, (void)data;
  for (int class = 0; class < N_CLASSES; class++) {
    uint64_t n = 0;
    for (struct block *it = blocks; it; it = it->next) n += it->n_runs * it->counts[class];
    fprintf(stderr, "instructions %s %" PRIu64 "\n", NAMES[class], n);
  }
}

int qemu_plugin_install(uint64_t plugin, const void *info, int argc, char **argv) {
  (void)info, (void)argc, (void)argv;
  qemu_plugin_register_vcpu_tb_trans_cb(plugin, translated);
  qemu_plugin_register_atexit_cb(plugin, ended, NULL);
  return 0;
}
