import Foundation

/// A stanza that was given to the client and is stored. It will be sent, and sent again, until the server has it.
public struct SentStanza: Sendable, Identifiable {
  /// Its id.
  public let id: String
  let track: Track

  /// The stages that it reaches, those so far included. They arrive whether or not ``SnapbackClient/events`` are taken, until 1,024
  /// events or 8 MiB wait there.
  public var stages: Stages { Stages(track: track) }

  /// Waits until the server has taken it over. As with ``stages``, no events have to be taken for that.
  ///
  /// - Throws: ``SnapbackError/sendFailed(_:)`` if it will not be sent (again), ``SnapbackError/closed`` if the client
  ///   was closed before (a stored message is sent when it is opened again), or `CancellationError`.
  public func acked() async throws {
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

/// What became of one stanza.
final class Track: Sendable {
  private struct State {
    var stages: [Stage] = []
    var isEnded = false
    var subscribers: [UUID: AsyncStream<Stage>.Continuation] = [:]
  }

  /// A stanza that is sent again in new sessions has more stages than these; the latest are kept.
  private static let keptStages = 8

  private let state = Locked(State())
  private let queue: any Widening

  /// - Parameter queue: where the events wait among which the stages arrive.
  init(_ queue: any Widening) {
    self.queue = queue
  }

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

/// Leads the stages of the core to the stanzas that they are about.
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

  /// Before the stanza is given to the core, so that no stage is missed.
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

  /// It was not taken.
  func forget(_ id: String) {
    _ = state.withLock { $0.tracks.removeValue(forKey: id) }
  }

  /// No more stages will come.
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
