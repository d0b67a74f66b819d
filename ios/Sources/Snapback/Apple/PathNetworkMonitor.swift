#if canImport(Network)
  import Dispatch
  import Network

  /// Follows the system's network paths. Every change is told, also from one network to another: a connection may look alive
  /// long after its network went away.
  public struct PathNetworkMonitor: NetworkMonitor {
    /// A monitor of all networks.
    public init() {}

    public func observe(_ changed: @escaping @Sendable (NetworkState) -> Void) -> any NetworkObservation {
      let monitor = NWPathMonitor()
      monitor.pathUpdateHandler = { path in
        // A path that has to be dialled first counts: connecting is what dials it.
        changed(NetworkState(available: path.status != .unsatisfied, nameServers: []))
      }
      monitor.start(queue: DispatchQueue(label: "im.snapback.network"))
      return PathObservation(monitor: monitor)
    }
  }

  private struct PathObservation: NetworkObservation, @unchecked Sendable {
    // `cancel` may be called from any thread, and nothing else is.
    let monitor: NWPathMonitor

    func cancel() {
      monitor.cancel()
    }
  }
#endif
