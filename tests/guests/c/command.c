/* A command in C: `command FILE...` writes each file to stdout, and without arguments stdin.
   A file that cannot be read is told on stderr; the exit code is 1 then, after all the others. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

static int copy(FILE *from) {
  char bytes[4096];
  size_t count;
  while ((count = fread(bytes, 1, sizeof bytes, from)) > 0)
    if (fwrite(bytes, 1, count, stdout) != count) return -1;
  return ferror(from) ? -1 : 0;
}

static int copy_path(const char *path) {
  FILE *file = fopen(path, "rb");
  if (!file) return -1;
  int outcome = copy(file);
  int reason = errno;
  fclose(file);
  errno = reason;
  return outcome;
}

int main(int count, char **arguments) {
  int failed = 0;
  if (count < 2 && copy(stdin)) {
    fprintf(stderr, "stdin: %s\n", strerror(errno));
    failed = 1;
  }
  for (int i = 1; i < count; i++)
    if (copy_path(arguments[i])) {
      fprintf(stderr, "%s: %s\n", arguments[i], strerror(errno));
      failed = 1;
    }
  if (fflush(stdout)) failed = 1;
  return failed;
}
