/* The program of a test's container image: a server on port 8000 that tells how it was started. It answers one request
   after the other, and an event of one word makes it fail in a certain way. */

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

static int initialized;

static const char *variable(const char *name) {
    const char *value = getenv(name);
    return value ? value : "";
}

static void respond(int client, const char *status, const char *body) {
    dprintf(client, "HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s",
            status, strlen(body), body);
}

/* Fills memory until the kernel ends the process. */
static void grow(void) {
    for (;;) {
        char *block = malloc(1 << 20);
        if (block) memset(block, 1, 1 << 20);
    }
}

static void describe(int client, char **arguments, const char *event) {
    static char body[65536], folder[4096], list[4096];
    list[0] = 0;
    for (int i = 0; arguments[i]; i++) {
        strcat(list, i ? ",\"" : "\"");
        strcat(list, arguments[i]);
        strcat(list, "\"");
    }
    if (!getcwd(folder, sizeof folder)) folder[0] = 0;
    snprintf(body, sizeof body,
             "{\"arguments\":[%s],\"folder\":\"%s\",\"user\":\"%d:%d\",\"greeting\":\"%s\",\"token\":\"%s\","
             "\"function\":\"%s\",\"initialized\":%d,\"event\":%s}",
             list, folder, getuid(), getgid(), variable("GREETING"), variable("TOKEN"), variable("RUNTIME_FUNC_NAME"),
             initialized, event);
    respond(client, "200 OK", body);
}

static void handle(int client, char **arguments) {
    static char request[1 << 16];
    size_t length = 0;
    char *body = NULL;
    for (;;) {
        ssize_t got = read(client, request + length, sizeof request - 1 - length);
        if (got <= 0) return;
        request[length += got] = 0;
        body = strstr(request, "\r\n\r\n");
        if (!body) continue;
        body += 4;
        char *header = strcasestr(request, "content-length:");
        size_t expected = header && header < body ? strtoul(header + 15, NULL, 10) : 0;
        if (length - (body - request) >= expected) break;
    }
    printf("asked with %s\n", body);
    fflush(stdout);
    if (!strncmp(request, "POST /init ", 11)) {
        initialized++;
        respond(client, "200 OK", "");
    } else if (strncmp(request, "POST /invoke ", 13)) {
        respond(client, "404 Not Found", "");
    } else if (!strcmp(body, "\"exit\"")) {
        exit(7);
    } else if (!strcmp(body, "\"hang\"")) {
        pause();
    } else if (!strcmp(body, "\"grow\"")) {
        grow();
    } else if (!strcmp(body, "\"fail\"")) {
        respond(client, "500 Internal Server Error", "{\"errorMessage\":\"no luck\",\"errorType\":\"Luck\"}");
    } else {
        describe(client, arguments, body);
    }
}

int main(int count, char **arguments) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(8000), .sin_addr.s_addr = INADDR_ANY};
    int server = socket(AF_INET, SOCK_STREAM, 0), yes = 1;
    (void)count;
    setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(server, (struct sockaddr *)&address, sizeof address) || listen(server, 16)) return 3;
    for (;;) {
        int client = accept(server, NULL, NULL);
        handle(client, arguments);
        close(client);
    }
}
