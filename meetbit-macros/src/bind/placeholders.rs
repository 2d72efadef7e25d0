//! Reports placeholders that no argument fills, and finds the arguments that were meant for them.

use proc_macro2::Span;
use quote::quote;
use syn::Ident;

use crate::diagnostics::{Diagnostics, message};
use crate::parse::{ParsedArg, Template};
use crate::suggest::{is_offered_by_rustc, misspelling};

/// Reports each placeholder without an argument. Returns the names of the arguments that were meant for one.
///
/// rustc reports a placeholder that misspells an argument: given the literal, `format_args!` underlines the placeholder
/// in it and suggests the name.
pub(crate) fn check(template: &Template, arguments: &[ParsedArg], diagnostics: &Diagnostics) -> Vec<String> {
    let mut free: Vec<&ParsedArg> = arguments.iter().filter(|argument| is_free(argument, template)).collect();
    let (mut meant, mut misspelt, mut unknown) = (Vec::new(), Vec::new(), Vec::new());
    for placeholder in &template.placeholders {
        if arguments.iter().any(|argument| argument.key == *placeholder) {
            continue;
        }
        let near = misspelling(placeholder, arguments.iter().map(|argument| argument.key.as_str()));
        let Some(index) = free.iter().position(|argument| Some(argument.key.as_str()) == near) else {
            unknown.push(placeholder);
            continue;
        };
        let argument = free.remove(index);
        meant.push(argument.key.clone());
        if is_capturable(template, argument) && is_offered_by_rustc(placeholder, &argument.key) {
            misspelt.push((placeholder, &argument.name));
        } else {
            let text = message!("`{{{placeholder}}}` has no argument of that name; write `{{{}}}`", argument.key);
            diagnostics.error_at(&template.literal, text);
        }
    }
    match (&unknown[..], &free[..]) {
        // The pattern of an argument may contain the name.
        _ if arguments.iter().any(|argument| argument.name == "_") => {}
        ([placeholder], [argument]) if template.is_complete && may_fill(argument, placeholder) => {
            let name = &argument.key;
            let text =
                message!("`{{{placeholder}}}` has no argument of that name; write `{{{name}}}` or rename `{name}`");
            diagnostics.error_at(&template.literal, text);
            meant.push(name.clone());
        }
        _ => {
            for name in unknown {
                let raw = if syn::parse_str::<Ident>(name).is_ok() { "" } else { "r#" };
                let text = message!("`{{{name}}}` has no argument; add one such as `{raw}{name}: i64`");
                diagnostics.error_at(&template.literal, text);
            }
        }
    }
    leave_to_rustc(template, &misspelt, diagnostics);
    meant
}

fn is_free(argument: &ParsedArg, template: &Template) -> bool {
    argument.marker.is_absent() && !template.placeholders.contains(&argument.key)
}

/// Whether this argument was probably meant for a placeholder of quite another name.
fn may_fill(argument: &ParsedArg, placeholder: &str) -> bool {
    argument.is_scalar || argument.key.split('_').any(|word| placeholder.split('_').any(|other| word == other))
}

/// Whether `format_args!` takes the template, and rustc's suggestion can be applied.
fn is_capturable(template: &Template, argument: &ParsedArg) -> bool {
    template.is_sound && template.placeholders.iter().all(|name| name.is_ascii()) && argument.name == argument.key
}

fn leave_to_rustc(template: &Template, misspelt: &[(&String, &Ident)], diagnostics: &Diagnostics) {
    let Some((_, argument)) = misspelt.first() else { return };
    let others = template.placeholders.iter().filter(|name| misspelt.iter().all(|(wrong, _)| wrong != name));
    let others = others.map(|name| Ident::new(name, Span::call_site()));
    let names = misspelt.iter().map(|(_, argument)| argument);
    let mut literal = template.literal.clone();
    literal.set_span(literal.span().resolved_at(argument.span()));
    diagnostics.leave_to_rustc(quote! {
        // In a module, because a constant in scope with the placeholder's name would be used as the argument.
        mod arguments {
            fn of_the_path(#(#names: ()),*) {
                let _ = ::core::format_args!(#literal #(, #others = "")*);
            }
        }
    });
}
