//===- Generator.cpp - Texts that grow ------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Bindings.h"

using namespace sterna_python;

namespace {

struct Generator {
  std::shared_ptr<Session> session;
  Handle<sterna_generator_t, sterna_generator_release> handle;
};

Generator create(const SessionClass &session, double temperature, double topP,
                 uint32_t topK, uint64_t seed, uint64_t maxTokens,
                 const std::vector<std::string> &stop,
                 const std::vector<int32_t> &endTokens, bool ngramDraft) {
  std::vector<sterna_string_view_t> stops;
  for (const std::string &each : stop)
    stops.push_back(view(each));
  sterna_generator_options_t options;
  sterna_generator_options_init(sizeof(options), &options);
  options.temperature = temperature;
  options.top_p = topP;
  options.top_k = topK;
  options.seed = seed;
  options.max_tokens = maxTokens;
  options.stop_string_count = stops.size();
  options.stop_strings = stops.data();
  options.end_token_count = endTokens.size();
  options.end_tokens = endTokens.data();
  options.draft = ngramDraft ? STERNA_DRAFT_NGRAM : STERNA_DRAFT_NONE;
  sterna_generator_t *generator = nullptr;
  InSession inside(*session.session);
  check(sterna_generator_create(session.session->handle.get(), &options,
                                &generator));
  Generator result{session.session, nullptr};
  result.handle.reset(generator);
  return result;
}

void append(const Generator &self, const Tokens &tokens) {
  InSession inside(*self.session);
  check(
      sterna_generator_append(self.handle.get(), tokens.data(), tokens.size()));
}

const char *nameOf(sterna_stop_t stop) {
  switch (stop) {
  case STERNA_STOP_NONE:
    return "";
  case STERNA_STOP_LENGTH:
    return "length";
  case STERNA_STOP_END:
    return "end";
  case STERNA_STOP_CONTEXT:
    return "context";
  case STERNA_STOP_STRING:
    return "string";
  case STERNA_STOP_CALLER:
    break;
  }
  return "caller";
}

/// Token, text, and why the generation ended or "".
nb::tuple next(const Generator &self) {
  sterna_piece_t piece = {};
  piece.size = sizeof(piece);
  std::string copy;
  {
    InSession inside(*self.session);
    check(sterna_generator_next(self.handle.get(), &piece));
    copy = text(piece.text);
  }
  return nb::make_tuple(piece.token, copy, nameOf(piece.stop));
}

} // namespace

void sterna_python::addGenerator(nb::module_ &m) {
  nb::class_<Generator>(m, "Generator")
      .def_static("create", &create, nb::arg("session"), nb::arg("temperature"),
                  nb::arg("top_p"), nb::arg("top_k"), nb::arg("seed"),
                  nb::arg("max_tokens"), nb::arg("stop"), nb::arg("end_tokens"),
                  nb::arg("ngram_draft"))
      .def("append", &append, nb::arg("tokens"))
      .def("next", &next);
}
