"""Short names for the `ast` nodes that generated code is made of."""

import ast


def name(identifier: str) -> ast.expr:
    """A name that is read."""
    return ast.Name(identifier, ast.Load())


def store(identifier: str) -> ast.Name:
    """A name that is assigned."""
    return ast.Name(identifier, ast.Store())


def cell(place: int) -> ast.expr:
    """A constant of the rule, which stands in a closure cell."""
    return name(f"c{place}")


def literal(value: str | int | bool | None) -> ast.expr:
    """A constant that is the same for every rule of the shape."""
    return ast.Constant(value)


def call(function_name: str, *arguments: ast.expr) -> ast.expr:
    """A call of a runtime function."""
    return ast.Call(name(function_name), list(arguments), [])


def method(value: ast.expr, method_name: str, *arguments: ast.expr) -> ast.expr:
    """A call of a method of a dictionary or a text whose type is known."""
    return ast.Call(ast.Attribute(value, method_name, ast.Load()), list(arguments), [])


def is_not_none(value: ast.expr) -> ast.expr:
    """`value is not None`."""
    return ast.Compare(value, [ast.IsNot()], [literal(None)])


def parameters(names: list[str]) -> ast.arguments:
    """Positional parameters."""
    return ast.arguments([], [ast.arg(each) for each in names], None, [], [], None, [])


def function(function_name: str, arguments: list[str], body: list[ast.stmt]) -> ast.stmt:
    """A function definition."""
    return ast.FunctionDef(function_name, parameters(arguments), body, [])
