/* The errand in C: `errand PATH...` greets with the variable SHOWN, shows each file or says that it was refused, and
   looks at the clock and at random numbers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void show(const char *path) {
  char bytes[4096];
  FILE *file = fopen(path, "rb");
  size_t size = file ? fread(bytes, 1, sizeof bytes, file) : 0;
  int refused = !file || ferror(file);
  if (file) fclose(file);
  printf("%s: ", path);
  if (refused) puts("refused");
  else fwrite(bytes, 1, size, stdout);
}

int main(int count, char **arguments) {
  const char *greeting = getenv("SHOWN");
  printf("greeting: %s\n", greeting ? greeting : "");
  for (int i = 1; i < count; i++) show(arguments[i]);
  if (time(NULL) > 946684800) puts("clock: ok"); /* After the year 2000. */
  unsigned char one[8], other[8];
  if (!getentropy(one, sizeof one) && !getentropy(other, sizeof other) && memcmp(one, other, sizeof one))
    puts("random: ok");
  return fflush(stdout) ? 1 : 0;
}
