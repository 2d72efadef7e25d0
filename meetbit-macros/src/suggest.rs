//! Suggests the name that the author probably meant.

/// The candidate that `name` misspells, shortens or lengthens, if there is one.
pub(crate) fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str> + Clone) -> Option<&'a str> {
    misspelling(name, candidates.clone()).or_else(|| candidates.into_iter().find(|candidate| extends(name, candidate)))
}

/// The candidate that differs in at most a third of the letters, the distance at which rustc also suggests a name.
pub(crate) fn misspelling<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (distance(&name.to_lowercase(), &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= limit(name))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

fn limit(name: &str) -> usize {
    name.chars().count().max(3) / 3
}

/// Whether rustc suggests `candidate` for `name`. It is case-sensitive unless the case is the only difference.
pub(crate) fn is_offered_by_rustc(name: &str, candidate: &str) -> bool {
    name.eq_ignore_ascii_case(candidate) || distance(name, candidate) <= limit(name)
}

/// Whether `name` shortens or lengthens `candidate`: `po` for `post`, `permission` for `perm`.
fn extends(name: &str, candidate: &str) -> bool {
    (name.len() >= 2 && candidate.starts_with(name)) || name.starts_with(candidate)
}

/// The edit distance of two words, in insertions, deletions, replacements and swaps of neighbours.
fn distance(left: &str, right: &str) -> usize {
    let (left, right): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
    let mut before = Vec::new();
    let mut above: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in right.iter().enumerate() {
            let mut cost = (above[j] + usize::from(a != b)).min(above[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *a == right[j - 1] && left[i - 1] == *b {
                let swapped: &Vec<usize> = &before;
                cost = cost.min(swapped[j - 1] + 1);
            }
            row.push(cost);
        }
        before = above;
        above = row;
    }
    above[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typo_finds_the_name_that_was_meant() {
        let methods = ["get", "head", "post", "put", "patch", "delete"];
        assert_eq!(nearest("pst", methods), Some("post"));
        assert_eq!(nearest("po", methods), Some("post"));
        assert_eq!(nearest("hcead", methods), Some("head"));
        assert_eq!(nearest("ptach", methods), Some("patch"));
        assert_eq!(nearest("zzz", methods), None);
    }

    #[test]
    fn only_a_third_of_the_letters_may_differ() {
        assert_eq!(misspelling("cutomer_id", ["customer_id"]), Some("customer_id"));
        assert_eq!(misspelling("idd", ["id"]), Some("id"));
        assert_eq!(misspelling("user", ["id"]), None);
    }
}
