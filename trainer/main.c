/*
 * hpo-trainer: texts, SQuAD, models, one command each. It knows no engine: argv, files and lines
 * of JSON are all that the two programs share. Start at the table.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "trainer/commands/commands.h"
#include "trainer/lines.h"

struct command {
    const char *name;
    const char *flags; /* as --help shows them */
    const char *help;  /* one line */
    enum status (*run)(int argc, char **argv, struct error *err);
};

#define MACHINE                                                                                    \
    " [--precision fp32|bf16|fp16] [--bf16 dot|tile] [--backend cpu|cuda] [--threads N]\n"         \
    "  [--gpu-identity FILE]"

static const struct command commands[] = {
    {"forward", "--model DIR --batch FILE.json [--gradients OUT.safetensors]" MACHINE,
     "one batch → its loss, each row's last logits, all gradients", command_forward},
    {"train",
     "--model DIR --data DIR|FILE.jsonl --lr X --epochs N [--eval DIR|FILE.jsonl] [--out DIR]\n"
     "  [--batch-size 8] [--weight-decay 0] [--accumulate 1] [--eval-batch-size 8] [--seed 42]\n"
     "  [--from DIR] [--until T] [--checkpoint-seconds 60] [--log-steps] [--preset default|seed]\n"
     "  [--loss-denominator predicted|labels] [--decay applied|ignored] [--max-grad-norm 1]\n"
     "  [--loss-scale dynamic|N] [--ranks 1] [--zero 0|1|2|3] [--loss-mean window|rank]" MACHINE,
     "epochs of training, a line of JSON and perhaps a checkpoint after each", command_train},
    {"squad",
     "--train FILE --validation FILE --tokenizer FILE --out DIR [--seed 42] [--train-size N]\n"
     "  [--validation-size N] [--max-length 512] [--labels answer|seed] [--truncate context|end]",
     "SQuAD files → rows of ids and labels to train on, and questions to answer", command_squad},
    {"train-tokenizer",
     "--vocab-size N --out FILE [--splitting bloom|gpt2] [--min-frequency 2] [--squad FILE]...",
     "a JSON string a line on standard input, or the prompts and answers of SQuAD files → a "
     "tokenizer.json",
     command_train_tokenizer},
    {"tokenize", "--model DIR | --tokenizer FILE",
     "a JSON string a line on standard input → {\"ids\": []} a line", command_tokenize},
    {"score", "", "{\"prediction\", \"answers\"} a line on standard input → exact match and F1",
     command_score},
    {"permutation", "[--seed 42] --size N [--method datasets|torch]",
     "the order that datasets.shuffle or torch.randperm draws, as a JSON list",
     command_permutation},
    {"evaluate",
     "--model DIR --data DIR|FILE.jsonl [--out FILE.json] [--predictions FILE.jsonl]\n"
     "  [--max-new-tokens 32] [--eval-batch-size 8] [--preset default|seed] [--pad-prompts 0]\n"
     "  [--f1 official|set]" MACHINE,
     "loss, and exact match and F1 of generated answers", command_evaluate},
    {"generate", "--model DIR --prompts FILE.jsonl --max-new-tokens N" MACHINE,
     "{\"prompt\"} or {\"input_ids\"} a line → {\"new_ids\", \"text\"} a line, greedily",
     command_generate},
    {"init", "--config FILE.json [--tokenizer FILE] [--seed 1] --out DIR",
     "a fresh model with weights drawn from a seed", command_init},
    {"devices", "[--json]", "the backends of this build, and what this machine gives them",
     command_devices},
    {"fingerprint", MACHINE, "the version of the numbers: the identity of every step",
     command_fingerprint},
    {NULL, NULL, NULL, NULL},
};

static enum status print_usage(struct error *err)
{
    enum status s;
    char *string;
    struct arena *arena = arena_open();
    struct text t = text_in(arena);

    if (!arena)
        return error_memory(err);
    text_add(&t, "hpo-trainer " HPO_VERSION ": trains and tries BLOOM and GPT-2 models\n\n");
    for (const struct command *c = commands; c->name; c++)
        text_printf(&t, "  %-16s %s\n", c->name, c->help);
    text_add(&t, "\nhpo-trainer COMMAND --help shows a command's flags\n");
    if ((s = text_finish(&t, &string, NULL, err)) == OK)
        s = lines_plain(string, err);
    arena_close(arena);
    return s;
}

static enum status print_command(const struct command *c, struct error *err)
{
    enum status s;
    char *string;
    struct arena *arena = arena_open();
    struct text t = text_in(arena);

    if (!arena)
        return error_memory(err);
    text_printf(&t, "hpo-trainer %s %s\n%s\n", c->name, c->flags, c->help);
    if ((s = text_finish(&t, &string, NULL, err)) == OK)
        s = lines_plain(string, err);
    arena_close(arena);
    return s;
}

static enum status run(int argc, char **argv, struct error *err)
{
    if (argc < 2) {
        (void)error_set(err, ERR_INPUT, NULL, "expected a command");
        error_hint(err, "hpo-trainer --help");
        return ERR_INPUT;
    }
    if (strcmp(argv[1], "--help") == 0)
        return print_usage(err);
    if (strcmp(argv[1], "--version") == 0)
        return lines_plain("hpo-trainer " HPO_VERSION "\n", err);
    for (const struct command *c = commands; c->name; c++) {
        if (strcmp(c->name, argv[1]) != 0)
            continue;
        if (argc == 3 && strcmp(argv[2], "--help") == 0)
            return print_command(c, err);
        return c->run(argc - 1, argv + 1, err);
    }
    (void)error_set(err, ERR_INPUT, argv[1], "no such command");
    error_hint(err, "hpo-trainer --help");
    return ERR_INPUT;
}

int main(int argc, char **argv)
{
    struct error err = {.where = ""};
    enum status s;

    file_hold_standard();
    (void)signal(SIGPIPE, SIG_IGN); /* a closed pipe is a failed write, and said */
    (void)signal(SIGXFSZ, SIG_IGN); /* and so is a limit on the size of files */
    s = run(argc, argv, &err);
    if (s != OK)
        lines_error(&err);
    return lines_exit_status(s);
}
