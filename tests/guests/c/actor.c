/* An actor in C; its world is `actor` in ../speak/worlds.wit. No bindings: the canonical ABI by hand, as in
   process.c. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATIENCE_MS = 10000 };

typedef struct {
  char *bytes;
  size_t size;
} text_t;

/* How `result<option<list<u8>>, string>` lies in memory. */
typedef struct {
  uint8_t is_err;
  union {
    struct {
      uint8_t is_some;
      text_t body;
    } ok;
    text_t err;
  } as;
} answer_t;

/* How `result<list<u8>, error>` does; the one case with a number aligns all of it. */
typedef struct {
  uint8_t is_err;
  union {
    text_t ok;
    struct {
      uint8_t which;
      union {
        uint64_t most;
        text_t why;
      } as;
    } err;
  } as;
} reply_t;

__attribute__((import_module("airssys:runtime/messaging@0.1.0"), import_name("request")))
extern void request(const char *to, size_t to_size, const char *body, size_t size, uint64_t time_out_ms, reply_t *reply);

static answer_t answer;

__attribute__((export_name("cabi_realloc")))
void *cabi_realloc(void *old, size_t old_size, size_t align, size_t new_size) {
  (void)old_size;
  if (new_size == 0) return (void *)align;
  void *bytes = realloc(old, new_size);
  if (!bytes) abort();
  return bytes;
}

/* What the host made with cabi_realloc is ours; an empty one is no block. */
static void drop(text_t text) {
  if (text.size) free(text.bytes);
}

static text_t copy(const char *bytes, size_t size) {
  text_t text = {cabi_realloc(NULL, 0, 1, size), size};
  if (size) memcpy(text.bytes, bytes, size);
  return text;
}

static void tell(const char *bytes, size_t size) {
  answer.is_err = 0;
  answer.as.ok.is_some = 1;
  answer.as.ok.body = copy(bytes, size);
}

static void fail(const char *why) {
  answer.is_err = 1;
  answer.as.err = copy(why, strlen(why));
}

static void read_path(const char *path) {
  static char bytes[65536];
  FILE *file = fopen(path, "rb");
  if (!file) return fail(strerror(errno));
  size_t size = fread(bytes, 1, sizeof bytes, file);
  int reason = ferror(file) ? errno : 0;
  fclose(file);
  if (reason) return fail(strerror(reason));
  tell(bytes, size);
}

/* The errors by their names, in the order of the interface. */
static const char *const errors[] = {"unreachable", "full", "too-large", "timed-out", "ended", "failed",
                                     "circular", "not-found", "invalid"};

static void forward(const char *to, size_t size) {
  const char *body = memchr(to, '=', size);
  if (!body) return fail("wanted forward:TARGET=BODY");
  body++;
  reply_t reply;
  request(to, body - 1 - to, body, to + size - body, PATIENCE_MS, &reply);
  if (!reply.is_err) {
    tell(reply.as.ok.bytes, reply.as.ok.size);
    return drop(reply.as.ok);
  }
  uint8_t which = reply.as.err.which;
  fail(which < sizeof errors / sizeof *errors ? errors[which] : "unknown error");
  if (which == 5 || which == 8) drop(reply.as.err.as.why);
}

__attribute__((export_name("airssys:runtime/handler@0.1.0#handle-message")))
answer_t *handle_message(uint64_t id, char *sender, size_t sender_size, int has_topic, char *topic, size_t topic_size,
                         int wants_reply, int has_end, uint64_t time_to_live_ms, uint32_t deliveries, uint64_t missed,
                         char *body, size_t body_size) {
  (void)id, (void)wants_reply, (void)has_end, (void)time_to_live_ms, (void)deliveries, (void)missed;
  static char text[4096];
  size_t kept = body_size < sizeof text - 1 ? body_size : sizeof text - 1;
  if (kept) memcpy(text, body, kept);
  text[kept] = 0;
  drop((text_t){body, body_size});
  drop((text_t){sender, sender_size});
  if (has_topic) drop((text_t){topic, topic_size});
  memset(&answer, 0, sizeof answer);
  if (!memchr(text, ':', kept)) return &answer; /* Only heard. */
  if (!strncmp(text, "echo:", 5)) tell(text + 5, kept - 5);
  else if (!strncmp(text, "fail:", 5)) fail(text + 5);
  else if (!strncmp(text, "read:", 5)) read_path(text + 5);
  else if (!strncmp(text, "forward:", 8)) forward(text + 8, kept - 8);
  else fail("unknown verb");
  return &answer;
}

__attribute__((export_name("cabi_post_airssys:runtime/handler@0.1.0#handle-message")))
void handle_message_done(answer_t *told) {
  if (told->is_err) drop(told->as.err);
  else if (told->as.ok.is_some) drop(told->as.ok.body);
}
