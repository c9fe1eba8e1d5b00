// Loaded with LD_PRELOAD into `weir`: instead of its main, the process waits for commands on the
// socket WEIR_TEST_FORK_SERVER and forks for each one a child that calls main. So the dynamic
// linker, three quarters of what a start costs, works once for all commands of a test process.
// (The fork server of the fuzzer AFL does the same.)
//
// A message: 4 bytes with the length of the text, and in ancillary data what becomes the child's
// descriptors 0, 1 and 2; then the text, each part ended by a NUL: the working folder, how many
// arguments, these, the environment. Two answers of 4 bytes: the child's process id, and when it
// ended the status as waitpid tells it.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

typedef int Main(int, char**, char**);

static Main* weir_main;

static void Fail(const char* what) {
  perror(what);
  _exit(127);
}

// Ends the process when the other side has gone.
static void ReadAll(int socket, char* data, size_t n) {
  while (n > 0) {
    const ssize_t got = read(socket, data, n);
    if (got <= 0) _exit(got == 0 ? 0 : 127);
    data += got;
    n -= (size_t)got;
  }
}

static void Answer(int socket, int32_t value) {
  if (write(socket, &value, sizeof value) != sizeof value) Fail("fork server: answer");
}

// The next message's text, `*length` bytes of it; its descriptors in `fds`.
static char* Receive(int socket, int fds[3], uint32_t* length) {
  char space[CMSG_SPACE(3 * sizeof(int))] = {0};
  struct iovec head = {length, sizeof *length};
  struct msghdr message = {.msg_iov = &head, .msg_iovlen = 1,
                           .msg_control = space, .msg_controllen = sizeof space};
  const ssize_t got = recvmsg(socket, &message, MSG_WAITALL | MSG_CMSG_CLOEXEC);
  if (got == 0) _exit(0);
  const struct cmsghdr* ancillary = CMSG_FIRSTHDR(&message);
  if (got != sizeof *length || ancillary == NULL ||
      ancillary->cmsg_len != CMSG_LEN(3 * sizeof(int))) {
    Fail("fork server: message");
  }
  memcpy(fds, CMSG_DATA(ancillary), 3 * sizeof(int));
  char* text = malloc(*length);
  if (text == NULL) Fail("fork server: malloc");
  ReadAll(socket, text, *length);
  return text;
}

// The next part of `*text`, which is moved behind it.
static char* Part(char** text) {
  char* part = *text;
  *text += strlen(part) + 1;
  return part;
}

// As many parts, with the NULL that argv and environ end with; all up to `end` if count is -1.
static char** Parts(char** text, const char* end, int count) {
  char** parts = calloc(count < 0 ? (size_t)(end - *text) + 1 : (size_t)count + 1, sizeof *parts);
  if (parts == NULL) Fail("fork server: calloc");
  for (int i = 0; *text < end && i != count; ++i) parts[i] = Part(text);
  return parts;
}

static int Serve(int argc, char** argv, char** env) {
  (void)argc, (void)argv, (void)env;
  const int socket = atoi(getenv("WEIR_TEST_FORK_SERVER"));
  for (;;) {
    int fds[3];
    uint32_t length = 0;
    char* text = Receive(socket, fds, &length);
    const pid_t child = fork();
    if (child < 0) Fail("fork server: fork");
    if (child == 0) {
      close(socket);
      for (int fd = 0; fd < 3; ++fd) {
        if (dup2(fds[fd], fd) < 0) Fail("fork server: dup2");
        close(fds[fd]);
      }
      const char* end = text + length;
      const char* folder = Part(&text);
      if (chdir(folder) != 0) Fail(folder);
      const int count = atoi(Part(&text));
      char** arguments = Parts(&text, end, count);
      environ = Parts(&text, end, -1);
      return weir_main(count, arguments, environ);
    }
    free(text);
    for (int fd = 0; fd < 3; ++fd) close(fds[fd]);
    Answer(socket, child);
    int status = 0;
    if (waitpid(child, &status, 0) != child) Fail("fork server: waitpid");
    Answer(socket, status);
  }
}

int __libc_start_main(Main* main, int argc, char** argv, void (*init)(void), void (*fini)(void),
                      void (*linker_fini)(void), void* stack_end) {
  typedef int Start(Main*, int, char**, void (*)(void), void (*)(void), void (*)(void), void*);
  Start* start = (Start*)dlsym(RTLD_NEXT, "__libc_start_main");
  weir_main = main;
  return start(Serve, argc, argv, init, fini, linker_fini, stack_end);
}
