# The same service on amqp and EventMachine, done as the Ruby Baton did it: at most once, and no other way.
#
# ruby echo.rb HOST PORT VHOST USER PASSWORD EXCHANGE_IN EXCHANGE_OUT KEY QUEUES CONFIRMED(0)
#
# It prints "peer is ready" when it takes pings. Nothing is acknowledged or confirmed, and nothing bounds how
# many pings are in flight: one connection, one channel, prefetch 0. What a handler raises becomes an error's
# output. The Ruby Baton also logged a ping and its pong, and notified observers: that is left out here.
require "amqp"
require "json"

SERVER = {environment: "production", fqdn: "web01.example.org", app_names: ["shop"]}.freeze

# Answers what arrives.
class PingConsumer
  def initialize(exchange_out)
    @exchange_out = exchange_out
  end

  def handle_message(_metadata, payload)
    guarded { process_message(JSON.parse(payload)) }
  end

  private

  def guarded
    yield
  rescue Exception => error
    notify(attributes.merge(type: "error", error_class: error.class, error_message: error.message))
  end

  def process_message(message)
    case message["type"]
    when "ping" then notify(attributes)
    else raise Exception, "Unknown message type for #{SERVER[:fqdn]}: #{message["type"]}"
    end
  end

  def attributes
    {type: "pong"}.merge(SERVER)
  end

  def notify(output)
    @exchange_out.publish(output.to_json)
  end
end

abort "echo.rb: HOST PORT VHOST USER PASSWORD IN OUT KEY QUEUES CONFIRMED" if ARGV.size != 10
host, port, vhost, user, password, exchange_in, exchange_out, key, queues, confirmed = ARGV
abort "echo.rb: CONFIRMED has to be 0: at most once is all that it does" if confirmed != "0"

EventMachine.run do
  connection = AMQP.connect(
    host: host, port: port.to_i, vhost: vhost, user: user, pass: password, heartbeat: 60
  )
  connection.on_tcp_connection_loss { abort "echo.rb: the connection was lost" }
  channel = AMQP::Channel.new(connection)
  channel.on_error { |_, closed| abort "echo.rb: #{closed.reply_text}" }
  # Declared as the bench has declared them.
  input = channel.direct(exchange_in, durable: true)
  consumer = PingConsumer.new(channel.direct(exchange_out, durable: true))
  waiting = queues.to_i
  consumes = lambda do |*|
    waiting -= 1
    next if waiting.positive?

    puts "peer is ready"
    $stdout.flush
  end
  queues.to_i.times do
    queue = channel.queue("", exclusive: true, auto_delete: true)
    queue.bind(input, routing_key: key)
    queue.subscribe(confirm: consumes, &consumer.method(:handle_message))
  end
end
