import Foundation

/// A stanza that the client has stored for sending. The client sends it, again after each reconnect if need be, until
/// the server has acknowledged it (XEP-0198).
public struct SentStanza: Sendable, Identifiable {
  /// The id of the stanza.
  public let id: String
  let track: Track

  /// The stages that the stanza reaches, including those so far. While they are iterated, they arrive even if
  /// ``SnapbackClient/events`` are not iterated, until 1,024 events or 8 MiB wait there.
  public var stages: Stages { Stages(track: track) }

  /// Waits until the server has acknowledged the stanza (XEP-0198). As with ``stages``, the events need not be
  /// iterated.
  ///
  /// - Throws: ``SnapbackError/sendFailed(_:)`` if the stanza is not sent, or not sent again, ``SnapbackError/closed``
  ///   if the client is closed first (a stanza in a file is sent when the client is opened again),
  ///   ``SnapbackError/eventsNotIterated`` if the acknowledgement cannot arrive because of the events that wait, or
  ///   `CancellationError`.
  public func acked() async throws {
    try await withThrowingTaskGroup(of: Bool.self) { group in
      defer { group.cancelAll() }
      group.addTask {
        try await untilAcked()
        return true
      }
      group.addTask { [track] in
        let isStuck = await track.untilStuck()
        // Its acknowledgement may be what arrived last.
        if isStuck, !track.isOver { throw SnapbackError.eventsNotIterated }
        return false
      }
      while let isAcked = try await group.next(), !isAcked {}
    }
  }

  private func untilAcked() async throws {
    for await stage in stages {
      switch stage {
      case .acked: return
      case .failed(let reason): throw SnapbackError.sendFailed(reason)
      case .queued, .sent: continue
      }
    }
    try Task.checkCancellation()
    throw SnapbackError.closed
  }
}

/// The stages of one stanza, and their subscribers.
final class Track: Sendable {
  private struct State {
    var stages: [Stage] = []
    var isEnded = false
    var subscribers: [UUID: AsyncStream<Stage>.Continuation] = [:]
  }

  /// How many stages are kept for a new subscriber. A stanza that is sent again in new sessions has more; the latest
  /// are kept.
  private static let keptStages = 8

  private let state = Locked(State())
  private let queue: any Widening

  /// - Parameter queue: the queue of the events, among which the stages arrive.
  init(_ queue: any Widening) {
    self.queue = queue
  }

  /// Whether no more stages follow.
  var isOver: Bool { state.withLock { $0.isEnded } }

  /// Waits until no more stages can arrive, since no iterator takes the events before them; `false` at the end of the client.
  func untilStuck() async -> Bool { await queue.untilStuck() }

  func subscribe() -> AsyncStream<Stage> {
    let (stream, continuation) = AsyncStream.makeStream(
      of: Stage.self, bufferingPolicy: .bufferingNewest(Self.keptStages))
    let id = UUID()
    queue.widen()
    continuation.onTermination = { [weak self, queue] _ in
      queue.narrow()
      _ = self?.state.withLock { $0.subscribers.removeValue(forKey: id) }
    }
    let isEnded = state.withLock { state in
      for stage in state.stages { continuation.yield(stage) }
      if !state.isEnded { state.subscribers[id] = continuation }
      return state.isEnded
    }
    if isEnded { continuation.finish() }
    return stream
  }

  func reached(_ stage: Stage) {
    state.withLock { state in
      state.stages = state.stages.suffix(Self.keptStages - 1) + [stage]
      for subscriber in state.subscribers.values { subscriber.yield(stage) }
    }
    if stage.isLast { end() }
  }

  func end() {
    let subscribers = state.withLock { state in
      state.isEnded = true
      defer { state.subscribers = [:] }
      return Array(state.subscribers.values)
    }
    for subscriber in subscribers { subscriber.finish() }
  }
}

/// Distributes the stages that the core reports to the stanzas that they are about.
final class Tracker: Sendable {
  private struct State {
    var tracks: [String: Track] = [:]
    var isEnded = false
  }

  private let state = Locked(State())
  private let queue: any Widening

  init(_ queue: any Widening) {
    self.queue = queue
  }

  /// Starts tracking a stanza. Called before the stanza is given to the core, so that no stage is missed.
  func track(_ id: String) -> Track {
    let track = Track(queue)
    let isEnded = state.withLock { state in
      if !state.isEnded { state.tracks[id] = track }
      return state.isEnded
    }
    if isEnded { track.end() }
    return track
  }

  func reached(_ id: String, _ stage: Stage) {
    let track = state.withLock { state in
      stage.isLast ? state.tracks.removeValue(forKey: id) : state.tracks[id]
    }
    track?.reached(stage)
  }

  /// Stops tracking a stanza that the core refused.
  func forget(_ id: String) {
    _ = state.withLock { $0.tracks.removeValue(forKey: id) }
  }

  /// Ends all tracks: no more stages are reported.
  func end() {
    let tracks = state.withLock { state in
      state.isEnded = true
      defer { state.tracks = [:] }
      return Array(state.tracks.values)
    }
    for track in tracks { track.end() }
  }
}

extension Stage {
  fileprivate var isLast: Bool {
    switch self {
    case .acked, .failed: true
    case .queued, .sent: false
    }
  }
}
