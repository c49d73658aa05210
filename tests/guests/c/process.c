/* process-data in C; its world is `process` in ../wit/world.wit. No bindings: the canonical ABI by hand,
   which for one function is shorter. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How `result<list<u8>, string>` lies in memory: both cases are a pointer and a length. */
typedef struct {
  uint8_t is_err;
  char *bytes;
  size_t size;
} answer_t;

static answer_t answer;

__attribute__((export_name("cabi_realloc")))
void *cabi_realloc(void *old, size_t old_size, size_t align, size_t new_size) {
  (void)old_size;
  if (new_size == 0) return (void *)align;
  void *bytes = realloc(old, new_size);
  if (!bytes) abort();
  return bytes;
}

static answer_t *tell(int is_err, const char *bytes, size_t size) {
  answer.is_err = is_err;
  answer.size = size;
  answer.bytes = cabi_realloc(NULL, 0, 1, size);
  memcpy(answer.bytes, bytes, size);
  return &answer;
}

static answer_t *read_path(const char *path) {
  static char bytes[65536];
  FILE *file = fopen(path, "rb");
  if (!file) return tell(1, strerror(errno), strlen(strerror(errno)));
  size_t size = fread(bytes, 1, sizeof bytes, file);
  int reason = ferror(file) ? errno : 0;
  fclose(file);
  return reason ? tell(1, strerror(reason), strlen(strerror(reason))) : tell(0, bytes, size);
}

__attribute__((export_name("process-data")))
answer_t *process_data(char *input, size_t size) {
  static char text[4096];
  size_t kept = size < sizeof text - 1 ? size : sizeof text - 1;
  memcpy(text, input, kept);
  text[kept] = 0;
  /* The host made the input with cabi_realloc, and hands it over; an empty one is no block. */
  if (size) free(input);
  if (!strncmp(text, "echo:", 5)) return tell(0, text + 5, kept - 5);
  if (!strncmp(text, "fail:", 5)) return tell(1, text + 5, kept - 5);
  if (!strncmp(text, "read:", 5)) return read_path(text + 5);
  return tell(1, "unknown input", 13);
}

__attribute__((export_name("cabi_post_process-data")))
void process_data_done(answer_t *told) {
  if (told->size) free(told->bytes);
}
