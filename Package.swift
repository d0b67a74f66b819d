// swift-tools-version: 6.0
// The package `Snapback`: its sources are in `ios`. CONTRIBUTING.md says how the files in `ios/Generated` are made.
import PackageDescription

/// The library of a release; `nil` before the first one. `cargo xtask release-swift` writes it.
let release: (url: String, checksum: String)? = nil

#if os(Linux)
  let isApple = false
#else
  let isApple = true
#endif

/// Whether to use the XCFramework that `cargo xtask xcframework` has made in this clone: `SNAPBACK_LOCAL=1`.
let isLocal = Context.environment["SNAPBACK_LOCAL"] == "1"

/// The Rust core: an XCFramework on Apple's systems; elsewhere a library that `pkg-config` knows under the name
/// `snapback`.
let core: Target =
  if !isApple {
    .systemLibrary(name: "snapback_ffiFFI", path: "ios/Generated/snapback_ffiFFI", pkgConfig: "snapback")
  } else if let release, !isLocal {
    .binaryTarget(name: "snapback_ffiFFI", url: release.url, checksum: release.checksum)
  } else {
    .binaryTarget(name: "snapback_ffiFFI", path: "ios/Snapback.xcframework")
  }

let package = Package(
  name: "Snapback",
  platforms: [.iOS(.v15), .macOS(.v12)],
  products: [
    .library(name: "Snapback", targets: ["Snapback"]),
    // For the tests and previews of apps.
    .library(name: "SnapbackTesting", targets: ["SnapbackTesting"]),
  ],
  targets: [
    core,
    // The generated code does not compile in the Swift 6 language mode.
    .target(
      name: "SnapbackFFI", dependencies: ["snapback_ffiFFI"], path: "ios/Generated/SnapbackFFI",
      swiftSettings: [.swiftLanguageMode(.v5)],
      linkerSettings: isApple ? [.linkedFramework("Security"), .linkedFramework("CoreFoundation")] : []),
    .target(
      name: "Snapback", dependencies: ["SnapbackFFI"], path: "ios/Sources/Snapback",
      resources: [.process("Resources/PrivacyInfo.xcprivacy")]),
    .target(
      name: "SnapbackTesting", dependencies: ["Snapback", "SnapbackFFI"], path: "ios/Sources/SnapbackTesting"),
    .executableTarget(name: "snapback-phone", dependencies: ["Snapback"], path: "ios/Tests/Phone"),
    .testTarget(
      name: "SnapbackTests", dependencies: ["Snapback", "SnapbackTesting", "snapback-phone"],
      path: "ios/Tests/SnapbackTests"),
  ],
  swiftLanguageModes: [.v6]
)
