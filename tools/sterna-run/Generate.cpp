//===- Generate.cpp - sterna-run generate ---------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Continues a prompt and streams the text to standard output.
//
//===----------------------------------------------------------------------===//

#include "Command.h"
#include "Report.h"
#include "Setup.h"
#include "generate/Generator.h"
#include "text/ChatTemplate.h"
#include "text/MakeTokenizer.h"

#include <algorithm>
#include <chrono>

using namespace sterna;

namespace {

struct Options {
  std::string model;
  std::string prompt;
  bool chat = false;
  std::string system;
  uint32_t count = 64;
  std::string adapter;
  SamplerOptions sampler;
  std::string draft = "none";
};

constexpr const char *footer =
    "Examples:\n"
    "  sterna-run generate model.stn -p 'Once upon a time' -n 64\n"
    "  sterna-run generate model.stn -p 'Once' --temperature 0.8 --top-p 0.95 "
    "--seed 7\n"
    "  sterna-run generate model.stn -p 'Once' --adapter tuned\n"
    "  sterna-run generate model.stn --chat -p 'What is a tern?'\n"
    "  sterna-run generate model.stn -p 'a, b, a, b,' --draft ngram\n"
    "\n"
    "Temperature 0 always takes the most likely token. Equal options give "
    "equal text,\nwhatever the number of threads. Generation stops after N "
    "tokens, at an\nend-of-text token, or when the context is full.\n";

void describe(CLI::App &command, Options &options) {
  command.add_option("-p,--prompt", options.prompt, "text to continue")
      ->required();
  CLI::Option *chat =
      command.add_flag("--chat", options.chat,
                       "take the prompt as what a user says, and answer it by "
                       "the model's chat template");
  command.add_option("--system", options.system, "system prompt of the chat")
      ->needs(chat);
  addNumber(command, "-n,--tokens", options.count,
            "most tokens to generate (default 64)");
  addNumber(command, "--temperature", options.sampler.temperature,
            "0: greedy (default); higher is more varied");
  addNumber(command, "--top-k", options.sampler.topK,
            "sample from the K most likely tokens (default 0: all)");
  addNumber(command, "--top-p", options.sampler.topP,
            "sample from the fewest tokens that hold probability P (default 1)",
            {0.0, 1.0});
  addNumber(command, "--seed", options.sampler.seed,
            "seed of the sampling (default 0)");
  command
      .add_option(
          "--draft", options.draft,
          "guess tokens and check several at once, which gives the same "
          "text: none (default), or ngram, by what followed the last "
          "tokens before; needs sterna-compile --draft-tokens")
      ->option_text("KIND")
      ->check(CLI::IsMember({"none", "ngram"}));
  command.add_option("--adapter", options.adapter, "folder of a PEFT adapter");
}

const char *nameOf(StopReason reason) {
  switch (reason) {
  case StopReason::none:
  case StopReason::length:
    return "length";
  case StopReason::end:
    return "end";
  case StopReason::context:
    return "context";
  case StopReason::stopString:
    break;
  }
  return "stop string";
}

/// What a generation gave.
struct Output {
  std::string text;
  uint32_t tokens = 0;
  StopReason stop = StopReason::none;
};

void emit(Output &output, const std::string &text) {
  output.text += text;
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

/// Generates to the end, and shows the text as it grows.
Expected<Output> generate(Generator &generator) {
  Output output;
  while (output.stop == StopReason::none) {
    Expected<GeneratedPiece> piece = generator.next();
    if (!piece.ok())
      return piece.status();
    output.tokens += piece->token >= 0;
    output.stop = piece->stop;
    emit(output, piece->text);
  }
  return output;
}

/// Tokens of a second; null where nothing ran.
Json rate(uint64_t tokens, double seconds) {
  return tokens > 0 && seconds > 0 ? Json(double(tokens) / seconds) : Json();
}

void logSpeeds(const Json &summary, const Output &output) {
  std::string line = formatText("%u tokens", output.tokens);
  if (!summary["tokens_per_second"].is_null())
    line += formatText(", %.1f tokens/s",
                       summary["tokens_per_second"].get<double>());
  if (summary["drafted_tokens"] > 0)
    line += formatText(
        "; %llu of %llu drafted tokens accepted",
        (unsigned long long)summary["accepted_tokens"].get<uint64_t>(),
        (unsigned long long)summary["drafted_tokens"].get<uint64_t>());
  logLine(line +
          formatText("; prompt of %llu tokens, %.1f tokens/s",
                     (unsigned long long)summary["prompt_tokens"].get<size_t>(),
                     summary["prompt_tokens_per_second"].get<double>()));
}

Expected<std::vector<int32_t>>
encodePrompt(const Options &options, const TokenizerInterface &tokenizer) {
  std::vector<int32_t> prompt =
      tokenizer.encode(options.prompt, /*addBos=*/true, /*parseSpecial=*/true);
  if (prompt.empty())
    return Status::error("the prompt is empty, and the model has no token to "
                         "begin a text with: give a prompt with -p");
  return prompt;
}

/// The user's turn and the header of the assistant's.
Expected<std::vector<int32_t>> renderChat(const Options &options,
                                          const Module &module,
                                          const TokenizerInterface &tokenizer) {
  Expected<ChatTemplate> chat = ChatTemplate::parse(chatTemplateOf(module));
  if (!chat.ok())
    return chat.status();
  if (std::string notice = chat->noticeOn(tokenizer); !notice.empty())
    logLine(notice);
  std::vector<ChatMessage> messages;
  if (!options.system.empty())
    messages.push_back({"system", options.system});
  messages.push_back({"user", options.prompt});
  Expected<ChatTokens> rendered =
      chat->render(tokenizer, messages, /*addGenerationPrompt=*/true);
  if (!rendered.ok())
    return rendered.status();
  return std::move(rendered->ids);
}

Status run(const Options &options, const CommonOptions &common) {
  Expected<std::shared_ptr<const Module>> module =
      loadLanguageModel(options.model);
  if (!module.ok())
    return module.status();
  Expected<std::shared_ptr<const TokenizerInterface>> tokenizer =
      makeTokenizer(**module);
  if (!tokenizer.ok())
    return tokenizer.status();
  Expected<std::vector<int32_t>> prompt =
      options.chat ? renderChat(options, **module, **tokenizer)
                   : encodePrompt(options, **tokenizer);
  if (!prompt.ok())
    return prompt.status();
  Expected<PreparedModel> prepared =
      prepareModel(*module, options.adapter, common.device);
  if (!prepared.ok())
    return prepared.status();
  Expected<Generator> generator = Generator::create(
      std::move(*prepared->model), *tokenizer,
      {options.sampler,
       options.count,
       {},
       {},
       options.draft == "ngram" ? Draft::ngram : Draft::none});
  if (!generator.ok())
    return generator.status();
  uint32_t contextSize = generator->model().contextSize();
  if (prompt->size() > contextSize)
    return Status::error(formatText(
        "the prompt has %zu tokens, but the module's context holds %u: shorten "
        "it or compile with --max-context=%zu",
        prompt->size(), contextSize, prompt->size()));
  if (!(*tokenizer)->hasEndOfGeneration())
    logLine("the vocabulary has no token that ends a text: generation stops "
            "after -n tokens or where the context is full");
  noteContext(**module,
              std::min<uint64_t>(prompt->size() + options.count, contextSize),
              "text");
  auto begin = std::chrono::steady_clock::now();
  if (Status status = generator->append(prompt->data(), prompt->size());
      !status.ok())
    return status;
  double promptSeconds = secondsSince(begin);
  begin = std::chrono::steady_clock::now();
  Expected<Output> output = generate(*generator);
  double decodeSeconds = secondsSince(begin);
  std::printf("\n");
  std::fflush(stdout);
  if (!output.ok())
    return output.status();
  if (output->stop == StopReason::context)
    logLine(formatText("the context of %u tokens is full: generation ends; "
                       "compile with a larger --max-context for more",
                       contextSize));
  // The last token was not read again, unless another was looked for.
  uint64_t decoded = generator->model().position() - prompt->size();
  Json summary = {
      {"text", output->text},
      {"stop", nameOf(output->stop)},
      {"prompt_tokens", prompt->size()},
      {"prompt_tokens_per_second", rate(prompt->size(), promptSeconds)},
      {"generated_tokens", output->tokens},
      {"tokens_per_second", rate(decoded, decodeSeconds)},
      {"drafted_tokens", generator->draftCounts().drafted},
      {"accepted_tokens", generator->draftCounts().accepted}};
  if (common.json)
    printJson(summary);
  else
    logSpeeds(summary, *output);
  return Status();
}

} // namespace

void sterna::addGenerateCommand(CLI::App &app, const CommonOptions &common,
                                Action &action) {
  addCommand<Options>(app, common, action, "generate",
                      "Continues a prompt and streams the text", footer,
                      describe, run);
}
