//! The compile-fail cases: one wrong declaration a file in `cases/`, in folders by what the mistake is about, with what
//! the compiler says about it beside it.
