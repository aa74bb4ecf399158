//===- Module.cpp - Modules and tokenizers --------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Bindings.h"

using namespace sterna_python;

namespace {

ModuleClass load(std::string_view path) {
  sterna_module_t *module = nullptr;
  {
    nb::gil_scoped_release unlocked;
    check(sterna_module_load(view(path), &module));
  }
  return {{module, sterna_module_release}};
}

nb::str describe(const ModuleClass &self) {
  sterna_buffer_t *json = nullptr;
  check(sterna_module_describe(self.module.get(), &json));
  return toText(Buffer(json));
}

void verify(const ModuleClass &self) {
  nb::gil_scoped_release unlocked;
  check(sterna_module_verify_weights(self.module.get()));
}

struct TokenizerClass {
  Tokenizer tokenizer;
};

void makeTokenizer(TokenizerClass *self, const ModuleClass &module) {
  sterna_tokenizer_t *tokenizer = nullptr;
  check(sterna_tokenizer_create(module.module.get(), &tokenizer));
  new (self) TokenizerClass{Tokenizer(tokenizer)};
}

auto encode(const TokenizerClass &self, std::string_view prompt, bool bos,
            bool special) {
  sterna_buffer_t *tokens = nullptr;
  uint32_t flags =
      (bos ? STERNA_ENCODE_BOS : 0u) | (special ? STERNA_ENCODE_SPECIAL : 0u);
  {
    nb::gil_scoped_release unlocked;
    check(sterna_tokenizer_encode(self.tokenizer.get(), view(prompt), flags,
                                  &tokens));
  }
  return toTokens(Buffer(tokens));
}

nb::str decode(const TokenizerClass &self, const Tokens &tokens) {
  sterna_buffer_t *decoded = nullptr;
  check(sterna_tokenizer_decode(self.tokenizer.get(), tokens.data(),
                                tokens.size(), &decoded));
  return toText(Buffer(decoded));
}

auto renderChat(const TokenizerClass &self,
                const std::vector<std::pair<std::string, std::string>> &turns) {
  std::vector<sterna_message_t> messages;
  for (const auto &[role, content] : turns)
    messages.push_back({view(role), view(content)});
  sterna_buffer_t *tokens = nullptr;
  check(sterna_tokenizer_render_chat(self.tokenizer.get(), messages.data(),
                                     messages.size(), /*open=*/1, &tokens,
                                     /*out_text=*/nullptr));
  return toTokens(Buffer(tokens));
}

} // namespace

void sterna_python::addModule(nb::module_ &m) {
  nb::class_<ModuleClass>(m, "Module")
      .def_static("load", &load, nb::arg("path"))
      .def("describe", &describe)
      .def("verify", &verify);
  nb::class_<TokenizerClass>(m, "Tokenizer")
      .def("__init__", &makeTokenizer, nb::arg("module"))
      .def("encode", &encode, nb::arg("text"), nb::arg("bos"),
           nb::arg("special"))
      .def("decode", &decode, nb::arg("tokens"))
      .def("render_chat", &renderChat, nb::arg("turns"));
}
