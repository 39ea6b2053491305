"""The data path to RabbitMQ: deliveries, confirms and returns are taken out of the byte stream
under aio-pika, publishes and acknowledgements are put into it. Everything else stays aio-pika's.

===================  ==============================================================================
``frames``           the stream as frames, however it arrives
``tables``           field tables, in bytes and back
``properties``       an envelope as the properties of a message, and back
``inbox``            what arrives on a data channel
``whole``            the messages among it that have arrived whole, read at once
``confirms``         which publications the broker has, refused or returned
``outgoing``         publishes, acknowledgements and rejections as bytes
``tap``              tells what is the data path's, and what is aio-pika's
``socket``           the connection's two ends, for aio-pika
``path``             what a data path does; ``tapped`` and ``plain``, the two that there are
===================  ==============================================================================

``plain`` goes through aiormq's public API. It steps in where aiormq offers the tap no way in.
"""
