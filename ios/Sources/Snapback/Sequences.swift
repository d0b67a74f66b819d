/// What happens, in order. Ends when the client is closed, or the task that iterates is cancelled.
///
/// Each event goes to one iterator; as a rule there is one. What is not taken holds the server back, so iterate as long
/// as the client is connected.
public struct Events: AsyncSequence, Sendable {
  public typealias Element = Event

  let queue: EventQueue<Event>

  public func makeAsyncIterator() -> Iterator {
    Iterator(queue: queue)
  }

  /// Takes events.
  public struct Iterator: AsyncIteratorProtocol, Sendable {
    let queue: EventQueue<Event>

    public mutating func next() async -> Event? {
      await queue.next()
    }
  }
}

/// The connection's states: the one that holds now, then each that follows. Who is slow misses those in between. Ends
/// when the client is closed, or the task that iterates is cancelled.
public struct ConnectionStates: AsyncSequence, Sendable {
  public typealias Element = ConnectionState

  let hub: StateHub

  public func makeAsyncIterator() -> AsyncStream<ConnectionState>.Iterator {
    hub.subscribe().makeAsyncIterator()
  }
}

/// The stages that a stanza reaches, those so far included. Ends behind `acked` or `failed`, or with the client.
public struct Stages: AsyncSequence, Sendable {
  public typealias Element = Stage

  let track: Track

  public func makeAsyncIterator() -> AsyncStream<Stage>.Iterator {
    track.subscribe().makeAsyncIterator()
  }
}
