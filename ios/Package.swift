// swift-tools-version: 6.0
// The package `Snapback`. `cargo xtask swift` writes the files in `Generated`.
import PackageDescription

/// The address of the library in a release; `nil` in a clone, where it is built in `Generated`.
let release: (url: String, checksum: String)? = nil

#if os(Linux)
  let isApple = false
#else
  let isApple = true
#endif

/// The Rust core: an XCFramework on Apple's systems, and the host's own library elsewhere.
let core: Target =
  if !isApple {
    .systemLibrary(name: "snapback_ffiFFI", path: "Generated/snapback_ffiFFI")
  } else if let release {
    .binaryTarget(name: "snapback_ffiFFI", url: release.url, checksum: release.checksum)
  } else {
    .binaryTarget(name: "snapback_ffiFFI", path: "Generated/Snapback.xcframework")
  }

let coreLinkage: [LinkerSetting] =
  isApple
  ? [.linkedFramework("Security"), .linkedFramework("CoreFoundation")]
  : [
    .linkedLibrary("snapback_ffi"),
    .unsafeFlags([
      "-L\(Context.packageDirectory)/Generated/lib",
      "-Xlinker", "-rpath", "-Xlinker", "\(Context.packageDirectory)/Generated/lib",
    ]),
  ]

/// The targets that need the host's library, and are not part of a release.
let development: [Target] =
  release != nil
  ? []
  : [
    .executableTarget(
      name: "snapback-phone", dependencies: ["Snapback"], path: "Tests/Phone"),
    .testTarget(
      name: "SnapbackTests", dependencies: ["Snapback", "snapback-phone"],
      path: "Tests/SnapbackTests"),
  ]

let package = Package(
  name: "Snapback",
  platforms: [.iOS(.v15), .macOS(.v12)],
  products: [.library(name: "Snapback", targets: ["Snapback"])],
  targets: [
    core,
    // The generated code does not compile in the Swift 6 language mode.
    .target(
      name: "SnapbackFFI", dependencies: ["snapback_ffiFFI"], path: "Generated/SnapbackFFI",
      swiftSettings: [.swiftLanguageMode(.v5)], linkerSettings: coreLinkage),
    .target(
      name: "Snapback", dependencies: ["SnapbackFFI"], path: "Sources/Snapback",
      resources: [.process("Resources/PrivacyInfo.xcprivacy")]),
  ] + development,
  swiftLanguageModes: [.v6]
)
