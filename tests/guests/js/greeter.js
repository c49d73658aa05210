// What others call, in JavaScript; its world is `greeter` in ../speak/worlds.wit.
export const greet = {
  greet(name) {
    return `Hello, ${name}! (JavaScript)`;
  },
};
