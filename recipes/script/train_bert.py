"""A small BERT learns which of two words comes more often. Nothing in here knows of hpo."""
import argparse

import torch
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments, set_seed

parser = argparse.ArgumentParser()
parser.add_argument("--learning_rate", type=float, default=1e-3)
parser.add_argument("--hidden_size", type=int, default=32)
parser.add_argument("--epochs", type=int, default=3)
parser.add_argument("--output_dir", default="model")
options = parser.parse_args()


def sentences(n, seed):
    words = torch.randint(2, 4, (n, 9), generator=torch.Generator().manual_seed(seed))
    labels = (words == 3).sum(1) > 4
    return [{"input_ids": w, "labels": y} for w, y in zip(words, labels.long())]


def accuracy(prediction):
    return {"accuracy": float((prediction.predictions.argmax(1) == prediction.label_ids).mean())}


set_seed(0)
model = BertForSequenceClassification(BertConfig(
    vocab_size=4, hidden_size=options.hidden_size, num_hidden_layers=1, num_attention_heads=2,
    intermediate_size=2 * options.hidden_size, max_position_embeddings=16))
trainer = Trainer(
    model=model, train_dataset=sentences(256, 1), eval_dataset=sentences(128, 2), compute_metrics=accuracy,
    args=TrainingArguments(
        output_dir="checkpoints", num_train_epochs=options.epochs, learning_rate=options.learning_rate, seed=0, use_cpu=True,
        per_device_train_batch_size=32, eval_strategy="epoch", save_strategy="no", logging_strategy="epoch", report_to="none"))
trainer.train()
trainer.save_model(options.output_dir)
