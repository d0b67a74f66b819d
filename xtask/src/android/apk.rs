//! The sample as a signed APK: manifests and resources by aapt2, classes by R8, without Gradle.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{assemble, folder, shrink, sources};
use crate::files::{fresh, read, write};
use crate::report::Outcome;
use crate::{setup, tool};

/// What an APK is made with, and the Debian packages of it.
const COMMANDS: [&str; 3] = ["aapt2", "zipalign", "apksigner"];
const PACKAGES: [&str; 3] = ["aapt", "zipalign", "apksigner"];

const APPLICATION: &str = "org.example.chat";
/// What the sample is compiled against, which has Android's resources, too.
const TARGET_SDK: &str = "34";
const MIN_SDK: &str = "24";
/// Classes that are not on a device, and are not called there.
const DONT_WARN: &str = "-dontwarn java.lang.invoke.StringConcatFactory\n-dontwarn org.jetbrains.annotations.**\n-dontwarn edu.umd.cs.findbugs.annotations.**\n";

/// Builds it from what the step of the sample has compiled, and looks at it.
pub(super) fn run() -> Outcome {
    for command in COMMANDS {
        if let Err(why) = setup::install_for(command, &PACKAGES) {
            return Outcome {
                skips: vec![why],
                ..Outcome::default()
            };
        }
    }
    Outcome::of(build())
}

fn build() -> Result<(), String> {
    let work = folder().join("apk");
    fresh(&work)?;
    let android = android_jar(&work)?;
    let unsigned = work.join("unsigned.apk");
    let keep = resources(&work, &android, &unsigned)?;
    let classes = classes(&work, &android, &keep)?;
    add(&unsigned, &classes, "classes.dex")?;
    libraries(&work, &unsigned)?;
    let apk = sign(&work, &unsigned)?;
    examine(&apk)
}

/// The manifests as one, and the resources. Returns the rules that keep what the manifest names.
fn resources(work: &Path, android: &Path, apk: &Path) -> Result<PathBuf, String> {
    let sample = sources().join("sample/src/main");
    let manifest = work.join("AndroidManifest.xml");
    let merged = merged(
        &read(&sample.join("AndroidManifest.xml"))?,
        &read(&sources().join("aar/AndroidManifest.xml"))?,
    )?;
    write(&manifest, &merged)?;
    let compiled = work.join("resources.zip");
    let mut compile = Command::new("aapt2");
    compile.arg("compile").arg("--dir").arg(sample.join("res"));
    tool::run(compile.arg("-o").arg(&compiled))?;
    let keep = work.join("manifest-rules.txt");
    let mut link = Command::new("aapt2");
    link.arg("link").arg("-I").arg(android);
    link.arg("--manifest").arg(&manifest);
    link.args(["--min-sdk-version", MIN_SDK]);
    link.args(["--target-sdk-version", TARGET_SDK]);
    link.args(["--version-code", "1", "--version-name", "1"]);
    link.arg("--proguard").arg(&keep);
    tool::run(link.arg("-o").arg(apk).arg(&compiled))?;
    Ok(keep)
}

/// An app's manifest with what a library's adds to it, as Gradle merges them.
fn merged(app: &str, library: &str) -> Result<String, String> {
    let inside = |text: &str, open: &str, close: &str| -> Option<String> {
        let (_, rest) = text.split_once(open)?;
        Some(rest.split_once(close)?.0.to_owned())
    };
    let components = inside(library, "<application>", "</application>")
        .ok_or("the library's manifest has no application")?
        .replace("${applicationId}", APPLICATION);
    let permissions: String = library
        .lines()
        .filter(|line| line.trim_start().starts_with("<uses-permission"))
        .map(|line| format!("{line}\n"))
        .collect();
    let app = app.replacen(
        "    <application",
        &format!("{permissions}\n    <application"),
        1,
    );
    let app = app.replacen(
        "xmlns:android",
        &format!("package=\"{APPLICATION}\"\n    xmlns:android"),
        1,
    );
    Ok(app.replacen("</application>", &format!("{components}</application>"), 1))
}

/// The classes of the sample, of both AARs and of what they need, shrunk, in a folder.
fn classes(work: &Path, android: &Path, keep: &Path) -> Result<PathBuf, String> {
    let r8 = shrink::fetch(work)?;
    let sample = work.join("sample.jar");
    assemble::zip(&folder().join("sample/classes"), &sample)?;
    let library = work.join("library.jar");
    assemble::zip(&folder().join("maven/classes"), &library)?;
    let rules = work.join("rules.txt");
    write(&rules, DONT_WARN)?;
    let out = work.join("dex");
    fresh(&out)?;
    let mut r8_command = Command::new("java");
    r8_command
        .arg("-cp")
        .arg(&r8)
        .arg("com.android.tools.r8.R8");
    r8_command.args(["--release", "--min-api", MIN_SDK]);
    // Robolectric's Android has no classes of Java's own.
    r8_command.arg("--lib").arg(android);
    r8_command.arg("--lib").arg(shrink::java_home()?);
    for rules in [
        keep,
        &rules,
        &sources().join("aar/proguard.txt"),
        &sources().join("verifier/aar/proguard.txt"),
    ] {
        r8_command.arg("--pg-conf").arg(rules);
    }
    r8_command
        .arg("--output")
        .arg(&out)
        .args([&sample, &library]);
    tool::run(r8_command.args(shrink::class_path(work)?))?;
    Ok(out)
}

/// The Android API, as Maven has it.
fn android_jar(work: &Path) -> Result<PathBuf, String> {
    let version = super::maven::property(&read(&sources().join("pom.xml"))?, "android.version")?;
    let name = format!("android-all-{version}.jar");
    shrink::copy_artifact(&format!("org.robolectric:android-all:{version}"), work)?;
    Ok(work.join(name))
}

/// Adds what is in a folder under this name.
fn add(apk: &Path, folder: &Path, name: &str) -> Result<(), String> {
    let mut jar = Command::new("jar");
    jar.args(["--update", "--no-manifest", "--file"]).arg(apk);
    tool::run(jar.arg("-C").arg(folder).arg(name))
}

/// The libraries for devices, where the NDK has built them.
fn libraries(work: &Path, apk: &Path) -> Result<(), String> {
    let built = folder().join("jni");
    if fs::read_dir(&built).map_or(true, |mut entries| entries.next().is_none()) {
        println!("without libraries for devices: there is no NDK");
        return Ok(());
    }
    let lib = work.join("native");
    assemble::copy_tree(&built, &lib.join("lib"))?;
    add(apk, &lib, "lib")
}

/// Signs with a key that is made for this and kept nowhere.
fn sign(work: &Path, unsigned: &Path) -> Result<PathBuf, String> {
    let aligned = work.join("chat.apk");
    let mut align = Command::new("zipalign");
    tool::run(align.args(["-f", "-p", "4"]).arg(unsigned).arg(&aligned))?;
    let keys = work.join("keys.p12");
    let mut make = Command::new("keytool");
    make.args(["-genkeypair", "-alias", "sample", "-keyalg", "EC"]);
    make.args([
        "-dname",
        "CN=sample",
        "-validity",
        "30",
        "-storetype",
        "PKCS12",
    ]);
    make.args(["-storepass", "sample-sample", "-keystore"]);
    tool::run(make.arg(&keys))?;
    let mut sign = Command::new("apksigner");
    sign.arg("sign").arg("--ks").arg(&keys);
    sign.args([
        "--ks-pass",
        "pass:sample-sample",
        "--min-sdk-version",
        MIN_SDK,
    ]);
    tool::run(sign.arg(&aligned))?;
    Ok(aligned)
}

/// The signature holds, and the manifest has what the library adds.
fn examine(apk: &Path) -> Result<(), String> {
    let mut verify = Command::new("apksigner");
    tool::run(
        verify
            .args(["verify", "--min-sdk-version", MIN_SDK])
            .arg(apk),
    )?;
    let mut dump = Command::new("aapt2");
    dump.args(["dump", "xmltree", "--file", "AndroidManifest.xml"]);
    let manifest = tool::output(dump.arg(apk))?;
    for name in [
        "org.example.chat.ChatActivity",
        "im.snapback.android.ActivityCounter",
        "im.snapback.android.KeepaliveReceiver",
        "android.permission.ACCESS_NETWORK_STATE",
    ] {
        if !manifest.contains(name) {
            return Err(format!("the manifest of the APK has no {name}"));
        }
    }
    let bytes = fs::metadata(apk).map_or(0, |data| data.len());
    println!("{} of {bytes} bytes, signed", apk.display());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_s_manifest_is_merged_into_the_app_s() {
        let app = "<manifest xmlns:android=\"x\">\n    <application a=\"b\">\n        <activity />\n    </application>\n</manifest>\n";
        let library = "<manifest>\n    <uses-permission p />\n    <application>\n        <provider a=\"${applicationId}.p\" />\n    </application>\n</manifest>\n";
        let merged = merged(app, library).expect("both have an application");
        assert_eq!(
            merged,
            "<manifest package=\"org.example.chat\"\n    xmlns:android=\"x\">\n    <uses-permission p />\n\n    <application a=\"b\">\n        <activity />\n    \n        <provider a=\"org.example.chat.p\" />\n    </application>\n</manifest>\n"
        );
        assert!(super::merged(app, "<manifest />").is_err());
    }
}
