"""A small language model, trained by the Hugging Face Trainer on sums in words: every 20 steps each layer is measured.

AdamW, a warm-up and a cosine decay, as large models have them; a million weights, and text that is made here. In a
clone of the repository: `pip install .[transformers,plot,mlflow] pandas`, then `python examples/transformers_loop.py`.
It takes less than a minute on two cores, and leaves `mlflow.db` and `transformers.png` in the folder it is called from.
"""

import mlflow
import torch
from layerwise import plot
from layerwise.transformers import LayerwiseCallback
from transformers import LlamaConfig, LlamaForCausalLM, PrinterCallback, Trainer, TrainingArguments, set_seed

NUMBERS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
SENTENCES = [
    f"{NUMBERS[first]} plus {NUMBERS[second]} is {NUMBERS[first + second]}."
    for first in range(13)
    for second in range(13 - first)
]
LENGTH, STEPS, EVERY = 64, 200, 20

set_seed(0)
letters = sorted(set(" ".join(SENTENCES)))
order = torch.randint(len(SENTENCES), (4000,))
text = torch.tensor([letters.index(letter) for index in order for letter in SENTENCES[index] + " "])
blocks = [{"input_ids": block, "labels": block} for block in text.split(LENGTH)[:-1]]
config = LlamaConfig(
    vocab_size=len(letters), hidden_size=144, intermediate_size=432, num_hidden_layers=4, num_attention_heads=4,
    max_position_embeddings=LENGTH, tie_word_embeddings=True,
)  # fmt: skip
model = LlamaForCausalLM(config)
trainer = Trainer(
    model,
    TrainingArguments(
        "trained", max_steps=STEPS, per_device_train_batch_size=16, learning_rate=2e-3, weight_decay=0.1,
        warmup_steps=20, lr_scheduler_type="cosine", logging_steps=EVERY, save_strategy="no", report_to="mlflow",
        disable_tqdm=True, use_cpu=True,
    ),
    train_dataset=blocks,
)  # fmt: skip
callback = LayerwiseCallback(trainer, every=EVERY, layers=["model.layers.*"])
trainer.add_callback(callback)
trainer.remove_callback(PrinterCallback)  # it would print 28 numbers each time
with mlflow.start_run(run_name="sums"):
    trainer.train()

history = callback.tracker.history
plot(history, every=EVERY).savefig("transformers.png")
kind = history["layer"].str.contains("mlp").map({True: "mlp", False: "attention"})
means = history["value"].groupby([history["epoch"] * EVERY, kind]).mean().unstack()
print(f"mean relative weight change per {EVERY} steps: it follows the warm-up and the decay of the rate")
print(means.rename_axis(index="step", columns=None).round(4).to_string())
print("Browse it: `mlflow ui` in this folder, then http://127.0.0.1:5000, the run `sums`, Model metrics")
