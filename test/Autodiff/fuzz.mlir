// Random graphs with fan-out against finite differences; see fuzz.py.
// RUN: %python %S/fuzz.py --count 40
