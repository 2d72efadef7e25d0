//! An attribute that copies the methods of a trait with their attributes, as mocking libraries do.

use proc_macro::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};

/// Implements a trait for the type that is named in parentheses. Every `;` of the trait becomes a body.
#[proc_macro_attribute]
pub fn copy(fake: TokenStream, item: TokenStream) -> TokenStream {
    let tokens: Vec<TokenTree> = item.clone().into_iter().collect();
    let name = tokens.iter().skip_while(|token| token.to_string() != "trait").nth(1).cloned();
    let Some(TokenTree::Group(methods)) = tokens.last() else { return item };
    let copies = methods.stream().into_iter().map(|token| if token.to_string() == ";" { body() } else { token });
    let word = |text: &str| TokenTree::from(Ident::new(text, Span::call_site()));
    let mut output = item;
    output.extend([word("impl")]);
    output.extend(name);
    output.extend([word("for")]);
    output.extend(fake);
    output.extend([TokenTree::from(Group::new(Delimiter::Brace, copies.collect()))]);
    output
}

fn body() -> TokenTree {
    Group::new(Delimiter::Brace, TokenStream::new()).into()
}
