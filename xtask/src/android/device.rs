//! The libraries for devices. They need the linker of Android's NDK; where it is missing, the result says so in its name.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::build::Host;
use super::{check, folder};
use crate::files::{copy, fresh};
use crate::shipped;
use crate::tool;

/// Android's name of an architecture, Rust's, and the NDK's.
const TARGETS: [(&str, &str, &str); 4] = [
    (
        "arm64-v8a",
        "aarch64-linux-android",
        "aarch64-linux-android",
    ),
    (
        "armeabi-v7a",
        "armv7-linux-androideabi",
        "armv7a-linux-androideabi",
    ),
    ("x86_64", "x86_64-linux-android", "x86_64-linux-android"),
    ("x86", "i686-linux-android", "i686-linux-android"),
];

/// The lowest version of Android that the library is for.
pub(super) const MIN_SDK: u32 = 24;

/// The options for the linker. The folding of identical functions is not among them: see `docs/decisions/0051`.
const LINKER: [&str; 3] = [
    // Android 15 has pages of 16 KB on some devices.
    "-z,max-page-size=16384",
    // An eighth of the size of the usual ones; read from Android 6 on.
    "--pack-dyn-relocs=android",
    // One table of symbols and not two; read from Android 6 on.
    "--hash-style=gnu",
];
/// The linker's script that leaves out what only the generator of bindings reads.
const WITHOUT_METADATA: &str = "bindings/without-metadata.ld";

/// The library as it is shipped, for this target.
pub(super) fn shipped(target: &str) -> Command {
    let script = tool::workspace().join(WITHOUT_METADATA);
    let mut linker: Vec<_> = LINKER.map(str::to_owned).into();
    linker.push(format!("-T,{}", script.display()));
    shipped::library(target, &linker, "")
}

/// Rust's names of the architectures.
pub(super) fn rust_targets() -> [&'static str; 4] {
    TARGETS.map(|(_, target, _)| target)
}

/// What could be built.
pub(super) struct DeviceLibraries {
    /// A folder with one folder for each architecture.
    pub(super) folder: PathBuf,
    built: Vec<&'static str>,
}

impl DeviceLibraries {
    /// Builds for every architecture, if there is an NDK. The generated Kotlin says what has to be in the libraries.
    pub(super) fn build(host: &Host) -> Result<Self, String> {
        let libraries = folder().join("jni");
        fresh(&libraries)?;
        let mut built = Vec::new();
        if let Some(tools) = ndk() {
            for (abi, target, prefix) in TARGETS {
                let library = compile(&tools, target, prefix)?;
                check::device_library(&library, host)?;
                copy(&library, &libraries.join(abi).join("libsnapback_ffi.so"))?;
                built.push(abi);
            }
        }
        Ok(Self {
            folder: libraries,
            built,
        })
    }

    /// The version under which the library is published: never that of a release if something is missing.
    pub(super) fn version(&self) -> String {
        let version = env!("CARGO_PKG_VERSION");
        if self.built.is_empty() {
            format!("{version}-without-device-libraries")
        } else {
            version.to_owned()
        }
    }

    pub(super) fn explanation(&self) -> String {
        if self.built.is_empty() {
            "There is no Android NDK here (ANDROID_NDK_HOME), so the AAR holds no library for devices. It serves to compile \
             against, and to run on this machine; it is not for shipping."
                .to_owned()
        } else {
            format!("The AAR holds libraries for {}.", self.built.join(", "))
        }
    }
}

/// Whether there is an NDK.
pub(super) fn has_ndk() -> bool {
    ndk().is_some()
}

/// The NDK's compilers.
fn ndk() -> Option<PathBuf> {
    let root = env::var_os("ANDROID_NDK_HOME").or_else(|| env::var_os("ANDROID_NDK_ROOT"))?;
    let prebuilt = PathBuf::from(root).join("toolchains/llvm/prebuilt");
    let host = format!("{}-x86_64", env::consts::OS);
    let tools = prebuilt.join(host).join("bin");
    tools.is_dir().then_some(tools)
}

fn compile(tools: &Path, target: &str, prefix: &str) -> Result<PathBuf, String> {
    let compiler = tools.join(format!("{prefix}{MIN_SDK}-clang"));
    let underscored = target.replace('-', "_");
    shipped::set_up(target)?;
    let mut cargo = shipped(target);
    let linker = format!("CARGO_TARGET_{}_LINKER", underscored.to_uppercase());
    cargo.env(linker, &compiler);
    cargo.env(format!("CC_{underscored}"), &compiler);
    cargo.env(format!("AR_{underscored}"), tools.join("llvm-ar"));
    tool::run(&mut cargo)?;
    Ok(tool::target_folder()
        .join(target)
        .join("phone/libsnapback_ffi.so"))
}
