//! Placeholders that no argument fills, and the arguments that were meant for them.

use proc_macro2::Span;
use quote::quote;
use syn::Ident;

use crate::candidate::Candidate;
use crate::marker::Marked;
use crate::mistake::Mistakes;
use crate::nearest::{is_offered_by_rustc, misspelling};
use crate::path::Template;

/// Reports every placeholder without argument, and returns the names of the arguments that were meant for one.
///
/// A placeholder that is a misspelt argument is left to rustc: given the literal, `format_args!` underlines the placeholder
/// inside it and offers the right name.
pub(crate) fn report(template: &Template, candidates: &[Candidate], mistakes: &mut Mistakes) -> Vec<String> {
    let mut free: Vec<&Candidate> = candidates.iter().filter(|candidate| candidate.is_free(template)).collect();
    let (mut meant, mut misspelt, mut unknown) = (Vec::new(), Vec::new(), Vec::new());
    for placeholder in &template.placeholders {
        if candidates.iter().any(|candidate| candidate.key == *placeholder) {
            continue;
        }
        let near = misspelling(placeholder, candidates.iter().map(|candidate| candidate.key.as_str()));
        let Some(index) = free.iter().position(|candidate| Some(candidate.key.as_str()) == near) else {
            unknown.push(placeholder);
            continue;
        };
        let candidate = free.remove(index);
        meant.push(candidate.key.clone());
        if is_capturable(template, candidate) && is_offered_by_rustc(placeholder, &candidate.key) {
            misspelt.push((placeholder, &candidate.name));
        } else {
            let text = format!("`{{{placeholder}}}` has no argument of that name; write `{{{}}}`", candidate.key);
            mistakes.at(&template.literal, text);
        }
    }
    match (&unknown[..], &free[..]) {
        // One of them may be what a pattern names.
        _ if candidates.iter().any(|candidate| candidate.name == "_") => {}
        ([placeholder], [candidate]) if template.is_complete && candidate.may_fill(placeholder) => {
            let name = &candidate.key;
            let text =
                format!("`{{{placeholder}}}` has no argument of that name; write `{{{name}}}` or rename `{name}`");
            mistakes.at(&template.literal, text);
            meant.push(name.clone());
        }
        _ => {
            for name in unknown {
                let raw = if syn::parse_str::<Ident>(name).is_ok() { "" } else { "r#" };
                let text = format!("`{{{name}}}` has no argument; add one such as `{raw}{name}: i64`");
                mistakes.at(&template.literal, text);
            }
        }
    }
    leave_to_rustc(template, &misspelt, mistakes);
    meant
}

impl Candidate {
    fn is_free(&self, template: &Template) -> bool {
        matches!(self.marked, Marked::Unmarked) && !template.placeholders.contains(&self.key)
    }

    /// Whether this argument was probably meant for a placeholder of quite another name.
    fn may_fill(&self, placeholder: &str) -> bool {
        self.is_scalar || self.key.split('_').any(|word| placeholder.split('_').any(|other| word == other))
    }
}

/// Whether `format_args!` takes the template, and rustc's suggestion can be applied.
fn is_capturable(template: &Template, candidate: &Candidate) -> bool {
    template.is_sound && template.placeholders.iter().all(|name| name.is_ascii()) && candidate.name == candidate.key
}

fn leave_to_rustc(template: &Template, misspelt: &[(&String, &Ident)], mistakes: &mut Mistakes) {
    let Some((_, argument)) = misspelt.first() else { return };
    let others = template.placeholders.iter().filter(|name| misspelt.iter().all(|(wrong, _)| wrong != name));
    let others = others.map(|name| Ident::new(name, Span::call_site()));
    let arguments = misspelt.iter().map(|(_, argument)| argument);
    let mut literal = template.literal.clone();
    literal.set_span(literal.span().resolved_at(argument.span()));
    mistakes.leave_to_rustc(quote! {
        // In a module, so that a constant of the placeholder's name is not taken for the argument.
        mod arguments {
            fn of_the_path(#(#arguments: ()),*) {
                let _ = ::core::format_args!(#literal #(, #others = "")*);
            }
        }
    });
}
