//! The crates of the workspace: who may depend on whom, and the page that draws it.

mod chart;
mod page;

use std::path::Path;

use crate::tool::{self, cargo};

/// Where the product is: what ships, or is linked into what ships.
const PRODUCT: [&str; 2] = ["rust-core", "bindings"];

/// Where tests and programs around them are.
const TEST_KIT: [&str; 3] = ["tests", "tools", "xtask"];

/// A crate of the workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Crate {
    /// As in its manifest.
    name: String,
    /// Relative to the workspace, with `/` between its parts.
    folder: String,
    /// The crates of the workspace that it depends on, for a build or at run time; tests may use others. Sorted.
    dependencies: Vec<String>,
}

impl Crate {
    fn is_below(&self, folders: &[&str]) -> bool {
        let top = self.folder.split('/').next().unwrap_or_default();
        folders.contains(&top)
    }
}

/// Fails with every finding, a line each. With `REGENERATE` set, the page is written first.
pub(crate) fn check() -> Result<(), String> {
    let crates = read()?;
    let page = tool::workspace().join(page::PATH);
    if std::env::var_os("REGENERATE").is_some() {
        let text = crate::files::read(&page)?;
        crate::files::write(&page, &page::regenerated(&text, &crates)?)?;
    }
    let mut findings = upward(&crates);
    findings.extend(page::differences(&crate::files::read(&page)?, &crates));
    let readme = crate::files::read(&tool::workspace().join("README.md"))?;
    findings.extend(page::not_in_readme(&readme, &crates));
    if findings.is_empty() {
        Ok(())
    } else {
        Err(findings.join("\n"))
    }
}

/// The crates as cargo has them, all features and all targets.
fn read() -> Result<Vec<Crate>, String> {
    let arguments = [
        "tree",
        "--workspace",
        "--depth",
        "1",
        "--no-dedupe",
        "--edges",
        "normal,build",
        "--prefix",
        "depth",
        "--all-features",
        "--target",
        "all",
        "--format",
        "{p}",
    ];
    let tree = tool::output(&mut cargo(&arguments))?;
    Ok(parse(&tree, tool::workspace()))
}

/// From lines such as `0name v0.1.0 (/workspace/folder)`; those that begin with 1 are dependencies of the last 0.
fn parse(tree: &str, workspace: &Path) -> Vec<Crate> {
    let mut crates: Vec<Crate> = Vec::new();
    for line in tree.lines() {
        let Some((name, folder)) = ours(line.get(1..).unwrap_or_default(), workspace) else {
            continue;
        };
        match (line.starts_with('0'), crates.last_mut()) {
            (true, _) => crates.push(Crate {
                name,
                folder,
                dependencies: Vec::new(),
            }),
            (false, Some(last)) => last.dependencies.push(name),
            (false, None) => {}
        }
    }
    for one in &mut crates {
        one.dependencies.sort();
        one.dependencies.dedup();
    }
    crates.sort_by(|a, b| a.folder.cmp(&b.folder));
    crates.dedup_by(|a, b| a.name == b.name);
    crates
}

/// Name and folder, of a crate of this workspace.
fn ours(line: &str, workspace: &Path) -> Option<(String, String)> {
    let (name, rest) = line.split_once(' ')?;
    let path = rest.split_once('(')?.1.split_once(')')?.0;
    let folder = Path::new(path).strip_prefix(workspace).ok()?;
    let folder = folder.to_string_lossy().replace('\\', "/");
    Some((name.to_owned(), folder))
}

/// What ships depends on no test, no tool and no chore, except in tests of its own.
fn upward(crates: &[Crate]) -> Vec<String> {
    let kit: Vec<&Crate> = crates
        .iter()
        .filter(|one| one.is_below(&TEST_KIT))
        .collect();
    let mut findings = Vec::new();
    for product in crates.iter().filter(|one| one.is_below(&PRODUCT)) {
        for dependency in &product.dependencies {
            if let Some(test) = kit.iter().find(|one| one.name == *dependency) {
                findings.push(format!(
                    "{} ({}) depends on {} ({}): only its own tests may",
                    product.name, product.folder, test.name, test.folder
                ));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    const TREE: &str = "0snapback v0.1.0 (/w/rust-core/cli)\n1clap v4.6.0\n1snapback-netsim v0.1.0 (/w/tests/netsim)\n\n\
        0snapback-netsim v0.1.0 (/w/tests/netsim)\n\n0xtask v0.1.0 (/w/xtask)\n";

    fn crates() -> Vec<Crate> {
        parse(TREE, Path::new("/w"))
    }

    #[test]
    fn the_crates_of_the_workspace_are_read_from_cargos_tree() {
        let folders: Vec<String> = crates().into_iter().map(|one| one.folder).collect();
        assert_eq!(folders, ["rust-core/cli", "tests/netsim", "xtask"]);
        let dependencies: Vec<String> = crates()
            .into_iter()
            .flat_map(|one| one.dependencies)
            .collect();
        assert_eq!(dependencies, ["snapback-netsim"]);
    }

    #[test]
    fn a_product_that_depends_on_a_test_is_found() {
        assert_eq!(
            upward(&crates()),
            [
                "snapback (rust-core/cli) depends on snapback-netsim (tests/netsim): only its own tests may"
            ]
        );
        let mended = TREE.replace("1snapback-netsim v0.1.0 (/w/tests/netsim)\n", "");
        assert!(upward(&parse(&mended, Path::new("/w"))).is_empty());
    }
}
