/* The same service on librabbitmq: what a C client reaches is the limit.
 *
 * echo HOST PORT VHOST USER PASSWORD EXCHANGE_IN EXCHANGE_OUT KEY QUEUES CONFIRMED(0|1)
 *
 * It prints "peer is ready" when it takes pings. With CONFIRMED a ping is acknowledged when the broker has
 * confirmed its pong, and with one acknowledgement all that were confirmed together. It decodes no more of
 * JSON than it needs: the type.
 */
#include <amqp.h>
#include <amqp_framing.h>
#include <amqp_tcp_socket.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREFETCH 200
#define CHANNEL 1

static const char PONG[] = "{\"type\": \"pong\", \"environment\": \"production\", "
                           "\"fqdn\": \"web01.example.org\", \"app_names\": [\"shop\"]}";

static amqp_connection_state_t connection;

#define OPEN 65536 /* publishes at most that wait for their confirms */
static uint64_t published, confirmed_up_to, acknowledged;
static uint64_t tags[OPEN];  /* the delivery that a publish answers, by its number */
static char is_confirmed[OPEN];

static void fail(const char *what) {
    fprintf(stderr, "echo: %s\n", what);
    exit(1);
}

static void check(const char *what) {
    if (amqp_get_rpc_reply(connection).reply_type != AMQP_RESPONSE_NORMAL) fail(what);
}

/* Whether the object says "type": "ping". */
static int is_ping(amqp_bytes_t body) {
    const char *at = body.bytes, *end = at + body.len;
    for (; at + 6 <= end; at++) {
        if (memcmp(at, "\"type\"", 6) != 0) continue;
        for (at += 6; at < end && (*at == ' ' || *at == ':'); at++) {}
        return at + 6 <= end && memcmp(at, "\"ping\"", 6) == 0;
    }
    return 0;
}

static void answer(amqp_envelope_t *envelope, const char *exchange, int confirmed) {
    amqp_basic_properties_t properties;
    if (!is_ping(envelope->message.body)) fail("not a ping");
    memset(&properties, 0, sizeof properties);
    properties._flags = AMQP_BASIC_CONTENT_TYPE_FLAG | AMQP_BASIC_DELIVERY_MODE_FLAG;
    properties.content_type = amqp_cstring_bytes("application/json");
    properties.delivery_mode = 2;
    if (envelope->message.properties._flags & AMQP_BASIC_MESSAGE_ID_FLAG) {
        properties._flags |= AMQP_BASIC_CORRELATION_ID_FLAG;
        properties.correlation_id = envelope->message.properties.message_id;
    }
    if (amqp_basic_publish(connection, CHANNEL, amqp_cstring_bytes(exchange), amqp_empty_bytes, 0,
                           0, &properties, amqp_cstring_bytes(PONG)) < 0)
        fail("publish");
    if (confirmed) {
        if (published - confirmed_up_to >= OPEN) fail("too many publishes wait for their confirms");
        tags[++published % OPEN] = envelope->delivery_tag;
    }
}

static void on_confirm(amqp_frame_t *frame) {
    amqp_basic_ack_t *ack;
    uint64_t number;
    if (frame->frame_type != AMQP_FRAME_METHOD || frame->payload.method.id != AMQP_BASIC_ACK_METHOD)
        fail("an unexpected frame");
    ack = frame->payload.method.decoded;
    number = ack->multiple ? confirmed_up_to + 1 : ack->delivery_tag;
    for (; number <= ack->delivery_tag; number++) is_confirmed[number % OPEN] = 1;
    while (is_confirmed[(confirmed_up_to + 1) % OPEN])
        is_confirmed[++confirmed_up_to % OPEN] = 0;
}

/* One acknowledgement for all that were confirmed, when nothing more has been read. */
static void acknowledge(void) {
    if (acknowledged == confirmed_up_to || amqp_frames_enqueued(connection) ||
        amqp_data_in_buffer(connection))
        return;
    if (amqp_basic_ack(connection, CHANNEL, tags[confirmed_up_to % OPEN], 1) < 0) fail("ack");
    acknowledged = confirmed_up_to;
}

int main(int count, char **given) {
    amqp_socket_t *socket;
    int number, queues, confirmed;
    if (count != 11) fail("HOST PORT VHOST USER PASSWORD IN OUT KEY QUEUES CONFIRMED");
    queues = atoi(given[9]);
    confirmed = atoi(given[10]);
    connection = amqp_new_connection();
    socket = amqp_tcp_socket_new(connection);
    if (socket == NULL || amqp_socket_open(socket, given[1], atoi(given[2])) != 0) fail("connect");
    if (amqp_login(connection, given[3], 0, AMQP_DEFAULT_FRAME_SIZE, 0, AMQP_SASL_METHOD_PLAIN,
                   given[4], given[5]).reply_type != AMQP_RESPONSE_NORMAL)
        fail("login");
    amqp_channel_open(connection, CHANNEL);
    check("channel");
    amqp_basic_qos(connection, CHANNEL, 0, PREFETCH, 0);
    check("qos");
    if (confirmed) {
        amqp_confirm_select(connection, CHANNEL);
        check("confirms");
    }
    for (number = 0; number < queues; number++) {
        amqp_queue_declare_ok_t *queue = amqp_queue_declare(
            connection, CHANNEL, amqp_empty_bytes, 0, 0, 1, 0, amqp_empty_table);
        amqp_bytes_t name;
        check("declare");
        name = amqp_bytes_malloc_dup(queue->queue);
        amqp_queue_bind(connection, CHANNEL, name, amqp_cstring_bytes(given[6]),
                        amqp_cstring_bytes(given[8]), amqp_empty_table);
        check("bind");
        amqp_basic_consume(connection, CHANNEL, name, amqp_empty_bytes, 0, !confirmed, 0,
                           amqp_empty_table);
        check("consume");
        amqp_bytes_free(name);
    }
    puts("peer is ready");
    fflush(stdout);
    for (;;) {
        amqp_envelope_t envelope;
        amqp_frame_t frame;
        amqp_rpc_reply_t reply;
        amqp_maybe_release_buffers(connection);
        reply = amqp_consume_message(connection, &envelope, NULL, 0);
        if (reply.reply_type == AMQP_RESPONSE_NORMAL) {
            answer(&envelope, given[7], confirmed);
            amqp_destroy_envelope(&envelope);
        } else if (reply.library_error == AMQP_STATUS_UNEXPECTED_STATE) {
            if (amqp_simple_wait_frame(connection, &frame) != AMQP_STATUS_OK) fail("wait");
            on_confirm(&frame);
        } else {
            fail("the connection was lost");
        }
        acknowledge();
    }
}
