#!/usr/bin/env python3
"""What transformers computes for a small GPT-2, written down for tests that must agree with it.

    gpt2.py --data SQUAD.json --out FOLDER [--hidden N] [--layers N] [--heads N] [--accum N] [--clip X] [--epochs N] [--seed N] ...

Everything follows from the options and the data: the tokenizer, of GPT-2's rules, is trained here on some of the texts, the
weights are random. Files in FOLDER:

    model/                  config.json, model.safetensors and the tokenizer, as save_pretrained writes them; one token is special,
                            <|endoftext|>, id 0, and it also fills what a batch leaves empty
    examples.json           rows for training, then those for evaluation: id, question, context (its beginning), answer, and "answer_mode":
                            input_ids, attention_mask, labels: prompt, " " + answer, <|endoftext|>, with labels on the last two
    forward.json            the first three rows as a batch, filled up on the right and on the left: input_ids, attention_mask,
                            position_ids (that of a row's first token is 0, so filling changes nothing), labels, loss, and the logits
                            at each row's last_position
    gradients.safetensors   d loss / d parameter of the first of these batches
    train.json              a run of Trainer: settings; eval_loss_before; order of the rows; steps with loss, grad_norm, learning_rate;
                            evals with eval_loss. A step's loss is the mean over all its labels, however many batches it has
    trained.safetensors     the weights after that run; as in gradients.safetensors, the tied lm_head is not listed again
    generate.json           at most 20 greedy tokens after six prompts, "before" and "after" that run

Needs torch, transformers, accelerate, safetensors and tokenizers, and no network.
"""
import argparse
import json
import os
import pathlib
import random
import tempfile

os.environ["HF_HUB_OFFLINE"] = "1"

import torch  # noqa: E402
import transformers  # noqa: E402
from safetensors.torch import save_file  # noqa: E402
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers  # noqa: E402

END = "<|endoftext|>"
NO_LABEL = -100
NEW_TOKENS = 20
CONTEXT = 160  # characters: with so few tokens in the vocabulary no whole paragraph would fit into --max-length
ANSWER_ROOM = 16  # tokens that a prompt leaves of --max-length


def read_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, kind, default in (("--hidden", int, 48), ("--layers", int, 2), ("--heads", int, 4), ("--vocab", int, 600), ("--positions", int, 160),
                                ("--max-length", int, 128), ("--train", int, 24), ("--eval", int, 8), ("--batch", int, 2), ("--accum", int, 1),
                                ("--epochs", int, 3), ("--lr", float, 2e-3), ("--wd", float, 0.01), ("--clip", float, 1.0), ("--seed", int, 1)):
        parser.add_argument(name, type=kind, default=default, help=f"default {default}")
    parser.add_argument("--data", required=True, type=pathlib.Path, help="a file of SQuAD v1.1")
    parser.add_argument("--out", required=True, type=pathlib.Path)
    return parser.parse_args()


def make_tokenizer(texts, size):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)  # as transformers gives GPT-2; it moves no id
    trainer = trainers.BpeTrainer(vocab_size=size, special_tokens=[END], initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    return transformers.GPT2TokenizerFast(tokenizer_object=tokenizer, bos_token=END, eos_token=END, unk_token=END)


def make_model(options, tokenizer):
    transformers.set_seed(options.seed)
    config = transformers.GPT2Config(vocab_size=len(tokenizer), n_positions=options.positions, n_embd=options.hidden, n_layer=options.layers,
                                     n_head=options.heads, attn_pdrop=0.0, embd_pdrop=0.0, resid_pdrop=0.0, initializer_range=0.05,
                                     bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id)
    model = transformers.GPT2LMHeadModel(config)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 1:  # biases and norms begin as zeros and ones, which would hide mistakes
                parameter += 0.1 * torch.randn_like(parameter)
    return model.eval()


def copy_of(parameters):
    return {name: value.detach().clone().contiguous() for name, value in parameters}


class Rows:
    """Questions whose prompt is short, as ids and labels."""

    def __init__(self, options, tokenizer, questions):
        self.tokenizer, self.end = tokenizer, tokenizer.eos_token_id
        random.Random(options.seed).shuffle(questions)
        short = (q for q in questions if len(self.prompt(q)) <= options.max_length - ANSWER_ROOM)
        self.questions = [q for q, _ in zip(short, range(options.train + options.eval))]
        assert len(self.questions) == options.train + options.eval, f"--data has only {len(self.questions)} prompts that are short enough"
        self.examples = [self.example(q, options.max_length) for q in self.questions]

    def prompt(self, question):
        return self.tokenizer(f"Question: {question['question']} Context: {question['context']} Answer:")["input_ids"]

    def example(self, question, max_length):
        target = self.tokenizer(" " + question["answer"])["input_ids"] + [self.end]
        prompt = self.prompt(question)[:max_length - len(target)]
        ids = prompt + target
        return dict(input_ids=ids, attention_mask=[1] * len(ids), labels=[NO_LABEL] * len(prompt) + target)

    def batch(self, examples, side="right"):
        """The examples as tensors, filled up to the longest."""
        longest = max(len(example["input_ids"]) for example in examples)
        tensors = {}
        for name, filling in (("input_ids", self.end), ("attention_mask", 0), ("labels", NO_LABEL)):
            rows = []
            for example in examples:
                missing = [filling] * (longest - len(example[name]))
                rows.append(example[name] + missing if side == "right" else missing + example[name])
            tensors[name] = torch.tensor(rows)
        return tensors


def forward(model, rows, out):
    """One batch in two forms; the gradients of the first."""
    cases = []
    for side in ("right", "left"):
        batch = rows.batch(rows.examples[:3], side)
        batch["position_ids"] = (batch["attention_mask"].cumsum(1) - 1).clamp(min=0)
        model.zero_grad()
        answer = model(**batch)
        if side == "right":
            answer.loss.backward()
            save_file(copy_of((name, p.grad) for name, p in model.named_parameters()), out / "gradients.safetensors")
            model.zero_grad()
        last = [max(place for place, real in enumerate(row) if real) for row in batch["attention_mask"].tolist()]
        cases.append(dict(labels_mode="answer", padding_side=side, **{name: tensor.tolist() for name, tensor in batch.items()}, loss=answer.loss.item(),
                          last_position=last, last_logits=[answer.logits[row, place].tolist() for row, place in enumerate(last)]))
    return cases


@torch.no_grad()
def greedy(model, prompt, end):
    """The likeliest next token again and again, the end among them: model.generate needs parts of torch that Debian's does not load."""
    ids = list(prompt)
    while len(ids) < len(prompt) + NEW_TOKENS and ids[len(prompt):][-1:] != [end]:
        ids.append(int(model(input_ids=torch.tensor([ids])).logits[0, -1].argmax()))
    return ids[len(prompt):]


def generate(model, rows):
    made = []
    for question in rows.questions[:6]:
        prompt = rows.prompt(question)
        new = greedy(model, prompt, rows.end)
        made.append(dict(prompt_ids=prompt, new_ids=new, text=rows.tokenizer.decode(new, skip_special_tokens=True)))
    return made


def mean_loss(answer, labels, num_items_in_batch=None):
    """Over the labels of a whole step, which this version of Trainer's own loss for GPT-2 is not where --accum is above 1."""
    logits, labels = answer.logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten()
    total = torch.nn.functional.cross_entropy(logits, labels, ignore_index=NO_LABEL, reduction="sum")
    return total / (num_items_in_batch or (labels != NO_LABEL).sum())


class Dataset(torch.utils.data.Dataset):
    """Examples, and in which order they were asked for."""

    def __init__(self, examples):
        self.examples, self.order = examples, []

    def __len__(self):
        return len(self.examples)

    def __getitem__(self, index):
        self.order.append(int(index))
        return self.examples[index]


class Trainer(transformers.Trainer):
    """Keeps each step's loss, which the log rounds, and its learning rate, where the log of this version has the next one's."""

    def __init__(self, **keywords):
        super().__init__(**keywords)
        self.steps = []

    def training_step(self, *arguments, **keywords):
        if self.state.global_step == len(self.steps):
            self.steps.append(dict(step=self.state.global_step + 1, loss=0.0, learning_rate=self.optimizer.param_groups[0]["lr"]))
        loss = super().training_step(*arguments, **keywords)
        self.steps[-1]["loss"] += loss.item()
        return loss


def train(options, model, rows):
    """Trains the model and returns what train.json says of it."""
    data, held_out = Dataset(rows.examples[:options.train]), Dataset(rows.examples[options.train:])
    with tempfile.TemporaryDirectory() as scratch:
        arguments = transformers.TrainingArguments(
            output_dir=scratch, eval_strategy="epoch", save_strategy="no", logging_steps=1, learning_rate=options.lr, weight_decay=options.wd,
            max_grad_norm=options.clip, per_device_train_batch_size=options.batch, per_device_eval_batch_size=8,
            gradient_accumulation_steps=options.accum, num_train_epochs=options.epochs, seed=42, use_cpu=True, report_to="none", disable_tqdm=True)
        trainer = Trainer(model=model, args=arguments, train_dataset=data, eval_dataset=held_out, data_collator=rows.batch, compute_loss_func=mean_loss)
        trainer.remove_callback(transformers.PrinterCallback)
        before = trainer.evaluate()["eval_loss"]
        trainer.train()
    model.eval()
    log = trainer.state.log_history
    norms = {line["step"]: {name: line[name] for name in ("epoch", "grad_norm")} for line in log if "grad_norm" in line}
    settings = {name: value for name, value in vars(options).items() if name not in ("data", "out")}
    return dict(settings=dict(settings, labels="answer"),
                trainer=dict(seed=42, adam=[0.9, 0.999, 1e-8], schedule="linear to zero, no warm-up", max_grad_norm=options.clip),
                eval_loss_before=before, order=data.order, steps=[{**step, **norms[step["step"]]} for step in trainer.steps],
                evals=[{name: line[name] for name in ("step", "epoch", "eval_loss")} for line in log if "eval_loss" in line and line["step"] > 0])


def write(path, value):
    path.write_text(json.dumps(value, ensure_ascii=False))


def main():
    options = read_options()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    transformers.logging.set_verbosity_error()
    paragraphs = [p for article in json.loads(options.data.read_text())["data"] for p in article["paragraphs"]]
    questions = [dict(id=q["id"], question=q["question"], context=p["context"][:CONTEXT], answer=q["answers"][0]["text"]) for p in paragraphs for q in p["qas"]]
    tokenizer = make_tokenizer([p["context"] for p in paragraphs[:200]], options.vocab)
    model = make_model(options, tokenizer)
    rows = Rows(options, tokenizer, questions)
    options.out.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(options.out / "model")
    tokenizer.save_pretrained(options.out / "model")
    write(options.out / "examples.json", [dict(q, answer_mode=e) for q, e in zip(rows.questions, rows.examples)])
    write(options.out / "forward.json", forward(model, rows, options.out))
    before = generate(model, rows)
    write(options.out / "train.json", train(options, model, rows))
    save_file(copy_of(model.named_parameters()), options.out / "trained.safetensors")
    write(options.out / "generate.json", dict(before=before, after=generate(model, rows)))


if __name__ == "__main__":
    main()
