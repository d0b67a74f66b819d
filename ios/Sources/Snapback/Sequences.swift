/// The events of a client, in order. The sequence ends when the client is closed, or when the iterating task is
/// cancelled.
///
/// Each event goes to exactly one iterator; usually there is only one. Several, as of several workers, each take the next
/// event when they are ready for it. Cancelling the task of an iterator ends this iterator; an event that it has not
/// returned goes to another one, or waits for the next. When too many events wait, the client stops reading from the
/// server, so iterate for as long as the client is connected.
public struct Events: AsyncSequence, Sendable {
  public typealias Element = Event

  let queue: EventQueue<Event>

  public func makeAsyncIterator() -> Iterator {
    Iterator(queue: queue, attachment: queue.attach())
  }

  /// Iterates over the events.
  public struct Iterator: AsyncIteratorProtocol, Sendable {
    let queue: EventQueue<Event>
    let attachment: EventQueue<Event>.Attachment

    public mutating func next() async -> Event? {
      await queue.next()
    }
  }
}

/// The states of the connection: the current one, then each that follows. A slow iterator receives only the latest one.
/// The sequence ends when the client is closed, or when the iterating task is cancelled.
public struct ConnectionStates: AsyncSequence, Sendable {
  public typealias Element = ConnectionState

  let hub: StateHub

  public func makeAsyncIterator() -> AsyncStream<ConnectionState>.Iterator {
    hub.subscribe().makeAsyncIterator()
  }
}

/// The stages that a stanza reaches, including those so far. The sequence ends after `acked` or `failed`, or when the
/// client is closed.
public struct Stages: AsyncSequence, Sendable {
  public typealias Element = Stage

  let track: Track

  public func makeAsyncIterator() -> AsyncStream<Stage>.Iterator {
    track.subscribe().makeAsyncIterator()
  }
}
