//! The regions that the compiler has counted, by their place in the source.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use crate::{files, tool};

/// From line and column to line and column.
type Place = [u64; 4];

/// The kind of a region that is code.
const CODE: u64 = 0;

/// Whether each region of each file is reached. Generic code is compiled more than once: a region is reached if it is in one of
/// its instances.
#[derive(Debug, Default)]
pub(super) struct Regions {
    files: BTreeMap<String, BTreeMap<Place, bool>>,
}

/// The unreached regions of one function.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Cluster {
    pub(super) file: String,
    pub(super) function: String,
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) regions: usize,
}

impl fmt::Display for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            file,
            function,
            first,
            last,
            regions,
        } = self;
        write!(
            f,
            "{file}:{first}-{last}: {regions} regions of `{function}`"
        )
    }
}

impl Regions {
    /// Reads what `llvm-cov export` prints for each program.
    pub(super) fn read(exported: &[String]) -> Result<Self, String> {
        let root = format!("{}/", tool::workspace().display());
        let mut regions = Self::default();
        for program in exported {
            regions.read_program(program, &root)?;
        }
        regions.leave_tests_out()?;
        Ok(regions)
    }

    fn read_program(&mut self, exported: &str, root: &str) -> Result<(), String> {
        let exported: Value =
            serde_json::from_str(exported).map_err(|error| format!("llvm-cov: {error}"))?;
        let functions = exported.pointer("/data/0/functions");
        let functions = functions
            .and_then(Value::as_array)
            .ok_or("llvm-cov: no functions")?;
        for function in functions {
            self.add(function, root)
                .ok_or("llvm-cov: a function without regions")?;
        }
        Ok(())
    }

    fn add(&mut self, function: &Value, root: &str) -> Option<()> {
        let names = function.get("filenames")?.as_array()?;
        for region in function.get("regions")?.as_array()? {
            let numbers: Vec<u64> = region
                .as_array()?
                .iter()
                .filter_map(Value::as_u64)
                .collect();
            let &[l1, c1, l2, c2, count, file, _, kind] = numbers.as_slice() else {
                return None;
            };
            let name = names.get(usize::try_from(file).ok()?)?.as_str()?;
            let Some(name) = name.strip_prefix(root).filter(|_| kind == CODE) else {
                continue;
            };
            let places = self.files.entry(name.to_owned()).or_default();
            *places.entry([l1, c1, l2, c2]).or_default() |= count > 0;
        }
        Some(())
    }

    /// Tests are files or folders of that name, or the last module of a file.
    fn leave_tests_out(&mut self) -> Result<(), String> {
        self.files.retain(|file, _| {
            let mut parts = file.split('/');
            !parts.any(|part| ["tests", "tests.rs", "testing", "testing.rs"].contains(&part))
        });
        for (file, places) in &mut self.files {
            let text = files::read(&tool::workspace().join(file))?;
            let end = first_line_of_tests(&text);
            places.retain(|[line, ..], _| end.is_none_or(|end| *line < end));
        }
        Ok(())
    }

    /// How many regions of a folder are reached, and how many there are.
    pub(super) fn in_folder(&self, folder: &str) -> (usize, usize) {
        let files = self
            .files
            .iter()
            .filter(|(file, _)| file.starts_with(folder));
        let places: Vec<bool> = files
            .flat_map(|(_, places)| places.values().copied())
            .collect();
        let reached = places.iter().filter(|is_reached| **is_reached).count();
        (reached, places.len())
    }

    /// The functions in these folders with at least this many unreached regions.
    pub(super) fn clusters(&self, folders: &[&str], least: usize) -> Result<Vec<Cluster>, String> {
        let mut clusters = Vec::new();
        for (file, places) in &self.files {
            if folders.iter().any(|folder| file.starts_with(folder)) {
                let text = files::read(&tool::workspace().join(file))?;
                let found = clusters_of(file, &text, places);
                clusters.extend(found.into_iter().filter(|cluster| cluster.regions >= least));
            }
        }
        Ok(clusters)
    }
}

fn clusters_of(file: &str, text: &str, places: &BTreeMap<Place, bool>) -> Vec<Cluster> {
    let lines: Vec<&str> = text.lines().collect();
    let mut clusters: Vec<Cluster> = Vec::new();
    for ([first, _, last, _], _) in places.iter().filter(|(_, is_reached)| !**is_reached) {
        let (line, function) = function_at(&lines, *first);
        let is_same =
            |cluster: &&mut Cluster| cluster.function == function && cluster.first >= line;
        if let Some(cluster) = clusters.last_mut().filter(is_same) {
            cluster.regions += 1;
            cluster.last = cluster.last.max(*last);
        } else {
            clusters.push(Cluster {
                file: file.to_owned(),
                function: function.to_owned(),
                first: *first,
                last: *last,
                regions: 1,
            });
        }
    }
    clusters
}

/// The function that this line belongs to, and where it begins: the last one named before it.
fn function_at<'a>(lines: &[&'a str], line: u64) -> (u64, &'a str) {
    let numbered = lines
        .iter()
        .zip(1..)
        .take_while(|(_, number)| *number <= line);
    let named = numbered.filter_map(|(text, number)| Some((number, function_in(text)?)));
    named.last().unwrap_or((0, "none"))
}

fn function_in(line: &str) -> Option<&str> {
    let (before, after) = line.split_once("fn ")?;
    let qualifiers = ["pub", "const", "async", "unsafe"];
    let is_item = before.split_whitespace().all(|word| {
        let word = word.split_once('(').map_or(word, |(word, _)| word);
        qualifiers.contains(&word) || word.ends_with(')')
    });
    let end = after.find(|c: char| !c.is_alphanumeric() && c != '_')?;
    (is_item && end > 0).then(|| after.split_at(end).0)
}

/// Where the tests of a file begin.
fn first_line_of_tests(text: &str) -> Option<u64> {
    let lines: Vec<&str> = text.lines().collect();
    let is_begin = |pair: &[&str]| matches!(pair, ["#[cfg(test)]", next] if next.starts_with("mod ") && next.ends_with('{'));
    let place = lines.windows(2).position(is_begin)?;
    u64::try_from(place + 1).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
impl A {
    pub(super) fn one(&self) -> u8 {
        1
    }

    fn two<T>(f: T) {
        f();
    }
}

#[cfg(test)]
mod tests {
";

    #[test]
    fn unreached_regions_belong_to_the_function_before_them() {
        let places = [
            ([2, 5, 4, 6], true),
            ([6, 5, 8, 6], false),
            ([7, 9, 7, 12], false),
        ];
        let found = clusters_of("a.rs", TEXT, &BTreeMap::from(places));
        let expected = Cluster {
            file: "a.rs".to_owned(),
            function: "two".to_owned(),
            first: 6,
            last: 8,
            regions: 2,
        };
        assert_eq!(found, [expected]);
    }

    #[test]
    fn a_function_is_one_in_a_line_of_its_own() {
        assert_eq!(function_in("    pub(in crate::a) async fn go("), Some("go"));
        assert_eq!(function_in("let f: fn(u8) = g;"), None);
        assert_eq!(function_in("// a fn here (of ours)"), None);
    }

    #[test]
    fn tests_at_the_end_of_a_file_are_found() {
        assert_eq!(first_line_of_tests(TEXT), Some(11));
        assert_eq!(first_line_of_tests("fn a() {}\n"), None);
    }
}
