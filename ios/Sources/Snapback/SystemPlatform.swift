/// The defaults that depend on the system.
enum SystemPlatform {
  static var nameResolver: (any NameResolver)? {
    #if canImport(dnssd)
      SystemResolver()
    #else
      nil
    #endif
  }

  static var networkMonitor: (any NetworkMonitor)? {
    #if canImport(Network)
      PathNetworkMonitor()
    #else
      nil
    #endif
  }

  /// Empty on iOS, which gives apps no list of name servers: only the system's resolver is queried.
  static var nameServers: [String]? {
    #if canImport(UIKit)
      []
    #else
      nil
    #endif
  }
}
